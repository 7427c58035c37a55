"""A night that was refused before it began: the state knows of it, and the morning's question is answered rightly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import etl
from etl.errors import MappingInvalid
from etl.host.system_clock import SystemClock
from etl.state.store import open_state

WRONG_KEY = ("fields:", "feilds:")
TYPED = "eva-4711@example.com"
SECRET = "geheim-4711"
SHARDS = ["people", "third"]


def verdict(office: Any, *arguments: str) -> tuple[int, str]:
    ended = office.call("status", *arguments, "--check", "-q")
    return ended.code, ended.out.strip()


def edit(office: Any, old: str, new: str, *, file: str = "people.yaml") -> None:
    path = office.folder / file
    path.write_text(path.read_text().replace(old, new))


def unset_variable(office: Any) -> tuple[str, ...]:
    edit(office, "${API_KEY}", "${NOT_SET}")
    return ()


def mistake(office: Any) -> tuple[str, ...]:
    edit(office, *WRONG_KEY)
    return ()


def no_yaml(office: Any) -> tuple[str, ...]:
    edit(office, "event:", "event: [")
    return ()


def wrong_where(office: Any) -> tuple[str, ...]:
    edit(office, "table: people", "table: people\n  where: shoe = 4711")
    return ()


WRONG_FILES = {
    unset_variable: "the variable NOT_SET is not set",
    mistake: 'feilds: not a known key; did you mean "fields"?',
    no_yaml: "people.yaml:",
    wrong_where: "source.where",
}


@pytest.mark.parametrize("wrong", WRONG_FILES, ids=lambda wrong: wrong.__name__)
def test_a_mapping_that_was_refused_needs_a_person_until_it_starts(
    office: Any, wrong: Callable[[Any], tuple[str, ...]]
) -> None:
    """Of two the one: the other had its run and is well; asked by file, by folder, and of the state alone."""
    office.fill(20)
    good = office.mapping.read_text()
    Path("other.yaml").write_text(good.replace("name: people", "name: other"))
    assert office.call("run", ".", "--start-from", "beginning").code == 0
    wrong(office)
    assert office.call("run", ".").code == 2
    for arguments in ((), (".",)):
        code, words = verdict(office, *arguments)
        assert words == "needs a person: people; all is well: other"
        assert code == (2 if arguments and wrong in (mistake, no_yaml) else 3)
    told = office.call("status", columns=500).out
    assert WRONG_FILES[wrong] in told
    assert told.count("did not start") + told.count("the last run failed") == 1
    assert verdict(office, "other.yaml") == (0, "all is well: other")
    office.mapping.write_text(good)
    assert verdict(office, ".")[0] == 3, "a file that is right now has not had its run"
    assert office.call("run", ".").code == 0
    assert verdict(office, ".") == (0, "all is well: other, people")


WRONG_CALLS = {
    "--deadline 99": "--deadline: not a time of the day",
    "--lmit 5": "there is no option --lmit",
    f"--max-runtime {TYPED}": "--max-runtime",
    f"--if-locked {TYPED}": "--if-locked: what is given is not as it should be",
    "--check": "--check goes with --dry-run",
    "--limit": "--limit",
    TYPED: "MAPPING…: it names what is no file or folder",
    "SQUEEZELY_ETL_RUN_PING_URL=ftp://geheim-4711@host": "--ping-url: what is given",
    "SQUEEZELY_ETL_RUN_NOTIFY_URL=geheim-4711": "--notify-url: what is given",
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_a_call_that_was_refused_needs_a_person_until_such_a_call_starts(
    office: Any, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    """Nothing is kept of what was typed, nor of an address that is a secret."""
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    name, is_variable, value = wrong.partition("=")
    if is_variable:
        monkeypatch.setenv(name, value)
    assert office.call("run", "people.yaml", *([] if is_variable else wrong.split())).code == 2
    for arguments in ((), ("people.yaml",), (".",)):
        assert verdict(office, *arguments) == (3, "needs a person: run people.yaml; all is well: people")
    told = office.call("status", columns=500).out
    assert WRONG_CALLS[wrong] in told
    kept = office.state.read_bytes()
    assert not {TYPED, SECRET} & {one for one in (TYPED, SECRET) if one in told or one.encode() in kept}
    monkeypatch.delenv(name, raising=False)
    assert verdict(office, "people.yaml")[0] == 3
    assert office.call("run", "people.yaml").code == 0
    assert verdict(office) == (0, "all is well: people")


@pytest.mark.parametrize("word", ["gehEIMkeyZZZ99", "mappings/gehEIMkeyZZZ99", "gehEIMkeyZZZ99.yaml"])
def test_a_secret_in_the_place_of_a_path_is_neither_printed_nor_kept(
    office: Any, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    monkeypatch.setenv("OTHER_KEY", "gehEIMkeyZZZ99")
    told = [office.call("run", "people.yaml", word), office.call("validate", word), office.call(word)]
    assert [one.code for one in told] == [2, 2, 2]
    assert "which holds the value of OTHER_KEY" in told[0].err
    told += [office.call("status"), office.call("status", "--check", "-o", "json")]
    assert told[-1].code == 3
    assert "gehEIM" not in "".join(one.out + one.err for one in told)
    monkeypatch.delenv("OTHER_KEY")
    assert office.call("run", "people.yaml", word).code == 2, "told by now, as no variable holds it, but not kept"
    assert b"gehEIM" not in office.state.read_bytes()


def test_another_shard_does_not_end_what_it_does_not_run(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has one of the two mappings."""
    office.fill(20)
    good = office.mapping.read_text()
    Path("third.yaml").write_text(good.replace("name: people", "name: third"))
    assert office.call("run", ".", "--start-from", "beginning").code == 0
    edit(office, "${API_KEY}", "${NOT_SET}")
    mine, theirs = (f"{SHARDS.index(name)}/2" for name in ("people", "third"))
    assert office.call("run", ".", "--shard", mine).code == 2
    office.mapping.write_text(good)
    for jobs in ("1", "2"):
        assert office.call("run", ".", "--shard", theirs, "--jobs", jobs).code == 0
        assert verdict(office) == (3, "needs a person: people; all is well: third")
    assert office.call("run", ".", "--shard", mine).code == 0
    assert verdict(office) == (0, "all is well: people, third")
    assert office.call("run", ".", "--deadline", "99").code == 2
    assert office.call("run", ".", "--shard", theirs).code == 0
    assert verdict(office)[0] == 3, "people did not start since"
    assert office.call("run", ".", "--shard", mine).code == 0
    assert verdict(office) == (0, "all is well: people, third")


# What was refused, a good call that leaves it noted (""), and one that ends it.
COVERED = [
    ("poeple.yaml", "", "people.yaml"),
    ("poeple", "", "other.yaml"),
    ("people.yaml other.yaml --fout", "people.yaml", "."),
    ("people.yaml other.yaml --fout", "people.yaml", "other.yaml"),
    (". --fout", "people.yaml", "other.yaml"),
    (". --fout", "other.yaml", "people.yaml other.yaml"),
]


@pytest.mark.parametrize(("refused", "less", "enough"), COVERED)
def test_good_calls_that_together_run_what_it_named_end_it(office: Any, refused: str, less: str, enough: str) -> None:
    office.fill(20)
    Path("other.yaml").write_text(office.mapping.read_text().replace("name: people", "name: other"))
    assert office.call("run", ".", "--start-from", "beginning").code == 0
    assert office.call("run", *refused.split()).code == 2
    assert verdict(office)[0] == 3
    if less:
        assert office.call("run", less).code == 0
        assert verdict(office)[0] == 3
    assert office.call("run", *enough.split()).code == 0
    assert verdict(office) == (0, "all is well: other, people")


def test_two_files_of_one_name_refuse_the_call_and_neither_mapping(office: Any) -> None:
    office.fill(20)
    assert office.call("run", ".", "--start-from", "beginning").code == 0
    Path("other.yaml").write_text(office.mapping.read_text())
    assert office.call("run", ".").code == 2
    code, words = verdict(office)
    assert (code, words) == (3, "needs a person: run .; all is well: people")
    assert "people.yaml: name: people is used twice" in office.call("status", columns=500).out


def test_a_mapping_that_never_ran_is_told_by_the_name_it_would_have(office: Any) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    Path("new.yaml").write_text(
        office.mapping.read_text().replace("name: people", 'name: "fresh"  # the new one') + "fields: {\n"
    )
    assert office.call("run", ".").code == 2
    assert verdict(office) == (3, "needs a person: fresh; all is well: people")
    Path("new.yaml").unlink()
    assert office.call("run", ".").code == 0
    assert verdict(office) == (0, "all is well: people"), "it is no part of the folder any more"


@pytest.mark.parametrize("through", ["jobs", "python", "shards"])
def test_every_way_of_running_leaves_it_and_ends_it(office: Any, through: str) -> None:
    office.fill(20)
    Path("other.yaml").write_text(office.mapping.read_text().replace("name: people", "name: other"))

    def night() -> list[int]:
        if through == "jobs":
            return [office.call("run", ".", "--jobs", "2").code]
        if through == "shards":
            return [office.call("run", ".", "--shard", f"{index}/2").code for index in (0, 1)]
        try:
            return [etl.run("people.yaml", state=str(office.state)).exit_code]
        except MappingInvalid as error:
            return [error.exit_code]

    assert office.call("run", ".", "--start-from", "beginning").code == 0
    good = office.mapping.read_text()
    edit(office, *WRONG_KEY)
    assert set(night()) == {2}
    assert verdict(office) == (3, "needs a person: people; all is well: other")
    office.mapping.write_text(good)
    assert set(night()) == {0}
    assert verdict(office) == (0, "all is well: other, people")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "people.yaml", "--dry-run"),
        ("run", "people.yaml", "--dry-run", "--lmit", "5"),
        ("run", "people.yaml", "--key", "7"),
        ("validate", "people.yaml"),
        ("preview", "people.yaml"),
        ("retry", "people.yaml"),
        ("backfill", "people.yaml"),
        ("run", "--help"),
    ],
    ids=" ".join,
)
def test_what_is_no_night_leaves_no_trace(office: Any, arguments: tuple[str, ...]) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    before = office.state.read_bytes()
    edit(office, *WRONG_KEY)
    assert office.call(*arguments).code == (0 if "--help" in arguments else 2)
    assert office.state.read_bytes() == before


def test_without_a_state_none_is_made_and_a_broken_one_stops_nothing(office: Any) -> None:
    edit(office, *WRONG_KEY)
    for arguments in (("run", "people.yaml"), ("run", "people.yaml", "--lmit", "5")):
        assert office.call(*arguments).code == 2
        assert not office.state.parent.exists()
    office.state.parent.mkdir(mode=0o700)
    office.state.write_bytes(b"no state at all")
    office.state.chmod(0o600)
    ended = office.call("run", "people.yaml")
    assert ended.code == 2
    assert "that a call was refused, or no longer is, could not be kept" in ended.err
    assert office.state.read_bytes() == b"no state at all"


def test_it_is_written_beside_a_run_that_holds_the_mapping(office: Any) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    with open_state(str(office.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        edit(office, *WRONG_KEY)
        assert office.call("run", "people.yaml").code == 2
        assert verdict(office) == (3, "needs a person: people")


def test_a_person_may_say_that_it_is_seen_by_the_command_that_is_printed(office: Any) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    assert office.call("run", "people.yaml", "--deadline", "99").code == 2
    lines = [line.split() for line in office.call("status").out.splitlines() if "--acknowledge" in line]
    (printed,) = [words for words in lines if words[0] == "squeezely-etl"]
    assert "1 call that did not start: seen" in office.call(*printed[1:]).err
    assert verdict(office) == (0, "all is well: people")
    edit(office, "${API_KEY}", "${NOT_SET}")
    assert office.call("run", "people.yaml").code == 2
    assert office.call("status", "people.yaml", "--acknowledge").code == 0
    assert verdict(office) == (0, "all is well: people")


@pytest.mark.parametrize("change", [("rename", "people", "persons"), ("drop", "people")], ids=lambda change: change[0])
def test_it_goes_with_the_name_that_it_is_about(office: Any, change: tuple[str, ...]) -> None:
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    edit(office, *WRONG_KEY)
    assert office.call("run", "people.yaml").code == 2
    assert verdict(office)[0] == 3
    assert office.call("state", *change, "--yes").code == 0
    assert "people" not in verdict(office)[1].replace("persons", "").partition("needs a person")[2]


def test_what_programs_read_of_it(office: Any) -> None:
    """A line for the mapping, with its other file's place; and one without a mapping for the call."""
    office.fill(20)
    assert office.call("run", "people.yaml", "--start-from", "beginning").code == 0
    assert office.call("run", ".", "--deadline", "99").code == 2
    edit(office, *WRONG_KEY)
    assert office.call("run", "people.yaml").code == 2
    people, call = map(json.loads, office.call("status", "people.yaml", "-o", "json").out.splitlines())
    assert [(one["code"], one["todo"][0]["command"]) for one in people["worries"]] == [
        ("not_started", "squeezely-etl validate people.yaml")
    ]
    assert (people["mapping"], people["in_folder"]) == ("people", True)
    assert (call["mapping"], call["call"]) == (None, [str(Path.cwd())])
    assert [one["code"] for one in call["worries"]] == ["not_started"]


def test_what_a_person_reads_of_it(transcript: Any) -> None:
    office = transcript.office
    office.fill(20)
    office.call("run", "people.yaml", "--start-from", "beginning")
    office.call("run", "people.yaml", "--deadline", "99")
    transcript.type("status", "people.yaml")
    office.call("run", "people.yaml")
    edit(office, *WRONG_KEY)
    transcript.type("status", "people.yaml", "--check")
    office.call("run", "people.yaml")
    transcript.type("status", "people.yaml", "--check")
    transcript.type("status", "--check")
    transcript.compare("not_started")


def test_a_server_without_a_state_gets_none(office: Any, postgresql_url: str) -> None:
    edit(office, *WRONG_KEY)
    assert office.call("run", "people.yaml", "--state", postgresql_url).code == 2
    assert office.call("status", "--state", postgresql_url).out.startswith("no mapping has run with the state")
    assert "there is no state at" in office.call("status", "--state", postgresql_url).err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_figures_of_a_refused_night_are_not_yesterdays(office: Any, jobs: str) -> None:
    """Of one that never ran, too; and what is known of earlier nights stays."""
    office.fill(20)
    good = office.mapping.read_text()
    Path("third.yaml").write_text(good.replace("name: people", "name: third"))
    night = ("run", ".", "--metrics-file", "m.prom", "--jobs", jobs)
    assert office.call(*night, "--start-from", "beginning").code == 0
    edit(office, "${API_KEY}", "${NOT_SET}")
    Path("new.yaml").write_text(good.replace("name: people", "name: fresh").replace("${API_KEY}", "${NOT_SET}"))
    assert office.call(*night).code == 2
    told = Path("m.prom").read_text()
    for name, code in {"people": 2, "fresh": 2, "third": 0}.items():
        assert f'last_run_exit_code{{command="run",mapping="{name}"}} {code}.0' in told
    assert 'last_success_timestamp_seconds{command="run",mapping="people"}' in told
    office.mapping.write_text(good)
    assert office.call("run", "people.yaml", "--metrics-file", "m.prom").code == 0
    assert 'last_run_exit_code{command="run",mapping="people"} 0.0' in Path("m.prom").read_text()
