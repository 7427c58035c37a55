"""A mistyped call gets one line that names it, the nearest right word, and no traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl.cli.boundary import run

CASES = {
    "rnu": """\
exit code 2
--- stderr
error: no command `rnu`
hint: did you mean `run`? `squeezely-etl --help` says what each does
""",
    "state shw": """\
exit code 2
--- stderr
error: no command `shw` of `state`
hint: did you mean `show`? `squeezely-etl state --help` says what each does
""",
    "state nonsense": """\
exit code 2
--- stderr
error: no command `nonsense` of `state`
hint: there are adopt, copy, drop, rename, reset, set, show; `squeezely-etl state --help` says what each does
""",
    "run --limt 3 people.yaml": """\
exit code 2
--- stderr
error: `squeezely-etl run` has no option --limt
hint: did you mean `--limit`? `squeezely-etl run --help` lists the options
""",
    "status --lo x": """\
exit code 2
--- stderr
error: `squeezely-etl status` has no option --lo
hint: did you mean `--log-format`? `squeezely-etl status --help` lists the options
""",
    "run": """\
exit code 2
--- stderr
error: `squeezely-etl run` needs MAPPING…
hint: for instance `squeezely-etl run mappings --start-from beginning`; `squeezely-etl run --help` lists the options
""",
    "run poeple.yaml": """\
exit code 2
--- stderr
error: MAPPING…: there is no file or folder poeple.yaml; did you mean `people.yaml`?
hint: for instance `squeezely-etl run mappings --start-from beginning`; `squeezely-etl run --help` lists the options
""",
    "state show .": """\
exit code 2
--- stderr
error: MAPPING: . is a folder; this takes one mapping file
hint: for instance `squeezely-etl state show mappings/customers.yaml -o json`; `squeezely-etl state show --help` lists the options
""",  # noqa: E501
    "run --limit x people.yaml": """\
exit code 2
--- stderr
error: --limit: 'x' is not a valid integer range
hint: for instance `squeezely-etl run mappings --start-from beginning`; `squeezely-etl run --help` lists the options
""",
    "run -o yaml people.yaml": """\
exit code 2
--- stderr
error: --output: 'yaml' is not one of 'text', 'json'
hint: for instance `squeezely-etl run mappings --start-from beginning`; `squeezely-etl run --help` lists the options
""",
    "run --max-runtime 3 people.yaml": """\
exit code 2
--- stderr
error: --max-runtime: expected a duration, such as 60s, 10m, 1h or 2d
hint: such as 90m or 2h
""",
}


@pytest.mark.parametrize("call", CASES)
def test_a_mistyped_call_names_the_nearest(office: Any, call: str) -> None:
    assert office.said(*call.split()) == CASES[call]


@pytest.mark.parametrize("arguments", [("run", ".", "--key", "20"), ("run", "m.yaml", "--key", "1", "--limit", "2")])
def test_a_mistake_with_a_key_offers_no_whole_run(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Typed as printed, the example after `run mappings --key 20` sent every row."""
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").touch()
    assert run(arguments) == 2
    said = capfd.readouterr().err
    assert said.startswith("error: --key ")
    assert said.endswith("hint: `squeezely-etl run --help` lists the options\n")
