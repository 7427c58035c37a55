"""Where in the mapping file a key stands, for errors that only the database brought to light."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from etl.source.plan import ReadPlan

if TYPE_CHECKING:
    from etl.mapping.document import Document, Path


def at_key(plan: ReadPlan, path: tuple[str, ...], words: str) -> str:
    """`file:line:column  path: words`; `path: words` for a plan without a file, or when the file cannot be read now."""
    return at_keys(plan, [(path, words)])[0]


def at_keys(plan: ReadPlan, found: Iterable[tuple[Path, str]]) -> list[str]:
    """As `at_key`, one line each. A path may say more than is written there: `column` of a short form."""
    # Imported when something is wrong, so that reading loads no parser.
    from etl.mapping.document import Finding, lines, path_text  # noqa: PLC0415
    from etl.mapping.yaml_reader import read_yaml  # noqa: PLC0415

    try:
        document = None if plan.mapping_path is None else read_yaml(plan.mapping_path.read_bytes())
    except OSError:
        document = None
    if document is None:
        return [f"{path_text(path)}: {words}" for path, words in found]
    written = [Finding(_written(document, path), words) for path, words in found]
    return [line for one in written for line in lines(document, [one], file=str(plan.mapping_path))]


def _written(document: Document, path: Path) -> Path:
    while path and path not in document.values:
        path = path[:-1]
    return path
