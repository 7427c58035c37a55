"""What a log collector gets: one JSON object a line, with the same five keys first, whichever module writes it."""

from __future__ import annotations

import json
import logging
import re
import threading
import warnings
from typing import Any

import sqlalchemy as sa

from etl.screen.logs import configure_logs, log_context

KEYS = ["ts", "level", "event", "mapping", "run_id"]


def records(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for record in found:
        assert list(record)[:5] == KEYS
    return found


def test_every_record_has_the_five_keys_whoever_speaks(office: Any, capsys: Any) -> None:
    """Our own, other libraries' (also with extras of our names), Python's warnings, and threads."""
    configure_logs(level="info", form="json")
    logging.getLogger("etl.job").info("page taken in", extra={"rows": 3})
    log_context(mapping="people", run_id="r1")
    logging.getLogger("theirs").warning("slow %s", "pool", extra={"event": "x", "level": "y", "more": object})
    logging.getLogger("theirs").info("not shown")
    warnings.simplefilter("always")
    warnings.warn("an old call", DeprecationWarning, stacklevel=1)
    thread = threading.Thread(target=logging.getLogger("etl.source").warning, args=("two\nlines",))
    thread.start()
    thread.join()
    found = records(capsys.readouterr().err)
    assert [(one["level"], one["mapping"], one["run_id"]) for one in found] == [
        ("info", None, None),
        ("warning", "people", "r1"),
        ("warning", "people", "r1"),
        ("warning", "people", "r1"),
    ]
    assert [one["event"] for one in found[:2]] == ["page taken in", "slow pool"]
    # Without its text, which may quote a value of a row.
    assert re.fullmatch(r"DeprecationWarning at \S+test_logs\.py:\d+", found[2]["event"])
    assert found[3]["event"] == "two | lines"


def test_a_warning_is_told_once_though_libraries_change_the_filters(office: Any, capsys: Any) -> None:
    """Each change makes Python forget what it told: a source's warning stood in the log once a page."""
    configure_logs(level="warning", form="text")
    warnings.simplefilter("default")
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)
        warnings.warn("a type that is not known", UserWarning, stacklevel=1)
    warnings.warn("another place", UserWarning, stacklevel=1)
    assert capsys.readouterr().err.count("UserWarning at ") == 2


def test_a_whole_run_says_nothing_but_json_on_stderr(office: Any) -> None:
    """Errors, hints and notes too; stdout has the results."""
    office.fill(200)
    office.call("run", "people.yaml", "--start-from", "beginning")
    with office.engine().begin() as connection:
        connection.execute(sa.text("DELETE FROM people"))
    (office.folder / "wrong.yaml").write_text("version: 1\nsource: [")
    ended = office.call("run", ".", "-o", "json", "-v", "--log-format", "json")
    assert ended.code == 2
    found = records(ended.err)
    errors = [one for one in found if one["level"] == "error"]
    assert [(one["mapping"], one.get("exit_code")) for one in errors] == [(None, None), (None, 2)]
    office.fill(150)
    office.patch.setenv("API_URL", "http://127.0.0.1:9")
    office.write_mapping(destination="  retry: {give_up_after: 1s, max_backoff: 1s}")
    office.api_url = "http://127.0.0.1:9"
    (office.folder / "wrong.yaml").unlink()
    ended = office.call("run", ".", "-o", "json", "-v", "--log-format", "json", "--full-refresh", "--yes")
    assert ended.code == 6
    found = records(ended.err)
    assert {one["mapping"] for one in found} == {"people"}
    assert {one["run_id"] for one in found} == {ended.summary["run_id"]}
    assert found[-1]["exit_code"] == 6


def test_a_record_without_words_says_whose_it_is(capsys: Any) -> None:
    """As Dask's are of an exception that has none: an alarm on errors must not be a nameless one."""
    configure_logs(level="error", form="text")
    logging.getLogger("distributed.client").error(OSError())
    assert capsys.readouterr().err.partition(" ")[2] == "ERROR a record of distributed.client without words\n"


def test_quiet_leaves_errors_only(office: Any, capsys: Any) -> None:
    configure_logs(level="error", form="text")
    logging.getLogger("theirs").warning("slow pool")
    logging.getLogger("etl.job").warning("slow page")
    logging.getLogger("etl.job").error("gone")
    assert capsys.readouterr().err.partition(" ")[2] == "ERROR gone\n"
