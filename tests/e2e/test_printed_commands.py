"""What is printed is pasted: in many situations, every command of every screen is run as it stands there.

It may say that the same thing is wrong still, with the exit code of that; it may not be one that the program does not
take (2), nor one over which it fails (1).
"""

from __future__ import annotations

import re
import shlex
import shutil
from typing import Any

import pytest
import sqlalchemy as sa

from tests.processes.forked_cli import Ended

PRINTED = re.compile(r"(?<![`\w/-])squeezely-etl ([^\n;&|]+)")
# Words that stand for what only the reader knows.
HOLDER = re.compile(r"^(?:--\S+=)?(?:URL|TABLE|FILE|PATH|KEY|NAME|MAPPING|N|…|\.\.\.)$")
FIRST = ("--start-from", "beginning")
WRONG_ADDRESSES = "UPDATE people SET email = 'nobody' WHERE id <= {}"


def change(desk: Any, *statements: str) -> None:
    with desk.engine().begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def put(desk: Any, old: str, new: str) -> None:
    written = desk.mapping.read_text()
    assert old in written
    desk.mapping.write_text(written.replace(old, new))


def here(desk: Any, *arguments: str) -> Ended:
    """The command line in the folder of the mapping, with its variables."""
    ended: Ended = desk.cli.call(*arguments, environment=desk.environment(), folder=desk.folder)
    return ended


def sent(desk: Any, count: int = 30, *, wrong: int = 0, **parts: str) -> None:
    """A first run over `count` people, of whom the first `wrong` have no address."""
    desk.write_mapping(**parts)
    desk.fill(count)
    if wrong:
        change(desk, WRONG_ADDRESSES.format(wrong))
    assert here(desk, "run", "people.yaml", *FIRST).code in {0, 3}


def undecided(desk: Any) -> list[Ended]:
    desk.fill(30)
    return [here(desk, "run", "people.yaml"), here(desk, "run", "people.yaml", "--dry-run")]


def begun_again(desk: Any) -> list[Ended]:
    sent(desk)
    return [here(desk, "run", "people.yaml", *FIRST)]


def some_invalid(desk: Any) -> list[Ended]:
    desk.fill(300)
    change(desk, WRONG_ADDRESSES.format(3))
    return [here(desk, "run", "people.yaml", *FIRST)]


def too_many_invalid(desk: Any) -> list[Ended]:
    desk.fill(300)
    change(desk, WRONG_ADDRESSES.format(280))
    return [here(desk, "run", "people.yaml", *FIRST)]


def a_night_later(desk: Any) -> list[Ended]:
    sent(desk, 300, wrong=3)
    return [here(desk, "run", "people.yaml"), here(desk, "status"), here(desk, "status", "people.yaml", "--check")]


def forecast(desk: Any) -> list[Ended]:
    desk.fill(300)
    change(desk, WRONG_ADDRESSES.format(3))
    return [here(desk, "run", "people.yaml", "--dry-run", *FIRST), here(desk, "preview", "people.yaml")]


def story_of_a_row(desk: Any) -> list[Ended]:
    """An invalid one, a changed one, an unchanged one, one that is not there, and one that came late."""
    sent(desk, 300, wrong=3)
    change(
        desk,
        "UPDATE people SET points = 100, updated_at = datetime('now', '-1 minute') WHERE id = 7",
        "INSERT INTO people SELECT 400, name, 'late@example.com', points, '2020-01-01' FROM people WHERE id = 8",
    )
    return [here(desk, "explain", "people.yaml", key) for key in ("2", "7", "200", "999", "400")]


def guarded(desk: Any) -> list[Ended]:
    desk.write_mapping(top="guards: {max_events: 20}")
    desk.fill(30)
    return [here(desk, "run", "people.yaml", *FIRST), here(desk, "status", "people.yaml")]


def changed_mapping(desk: Any) -> list[Ended]:
    sent(desk)
    put(desk, "  custom_points: points\n", "  custom_points: points\n  lastname: name\n")
    return [here(desk, "run", "people.yaml", "--dry-run"), here(desk, "run", "people.yaml"), here(desk, "status")]


def table_went_back(desk: Any) -> list[Ended]:
    desk.write_mapping()
    put(desk, "cursor_field: updated_at", "cursor_field: id")
    desk.fill(30)
    assert here(desk, "run", "people.yaml", *FIRST).code == 0
    change(desk, "DELETE FROM people WHERE id > 10")
    return [here(desk, "run", "people.yaml"), here(desk, "status", "people.yaml")]


def other_account(desk: Any) -> list[Ended]:
    sent(desk)
    desk.variables["ACCOUNT"] = "shop-2"
    return [here(desk, "run", "people.yaml"), here(desk, "validate", "people.yaml", "--connect")]


def other_database(desk: Any) -> list[Ended]:
    sent(desk)
    shutil.copyfile(desk.folder / "people.sqlite", desk.folder / "moved.sqlite")
    desk.variables["PEOPLE_URL"] = f"sqlite:///{desk.folder}/moved.sqlite"
    return [here(desk, "run", "people.yaml"), here(desk, "run", "people.yaml", "--dry-run")]


def locked(desk: Any) -> list[Ended]:
    sent(desk)
    desk.fill(60, first=1_000, minutes=60)
    put(desk, "  rate_limit: {", "  batch_size: 1\n  rate_limit: {")
    put(desk, "requests_per_second: 10000", "requests_per_second: 20")
    at_work = desk.cli.start("run", "people.yaml", environment=desk.environment(), folder=desk.folder)
    while desk.stats()["accepted"] <= 30:
        assert at_work.alive()
    screens = [here(desk, "run", "people.yaml"), here(desk, "retry", "people.yaml"), here(desk, "status")]
    at_work.wait()
    return screens


def forgotten(desk: Any) -> list[Ended]:
    sent(desk)
    return [here(desk, "forget", "people.yaml", "--key", "3", "--yes"), here(desk, "explain", "people.yaml", "3")]


def retried(desk: Any) -> list[Ended]:
    sent(desk, 300, wrong=3)
    return [here(desk, "retry", "people.yaml"), here(desk, "backfill", "people.yaml", "--dry-run")]


SITUATIONS = [
    *(undecided, begun_again, some_invalid, too_many_invalid, a_night_later, forecast, story_of_a_row),
    *(guarded, changed_mapping, table_went_back, other_account, other_database, locked, forgotten, retried),
]


def commands_of(printed: str) -> list[list[str]]:
    """The commands of a text, each once, as a shell would split them."""
    found = dict.fromkeys(each.strip().rstrip(".,)") for each in PRINTED.findall(printed))
    return [words for each in found if not any(map(HOLDER.match, words := shlex.split(each, comments=True)))]


def test_commands_are_found_where_they_stand() -> None:
    printed = "error: no\n  hint: look: squeezely-etl run a.yaml --dry-run; then: squeezely-etl run 'b c.yaml' # all\n"
    assert commands_of(printed) == [["run", "a.yaml", "--dry-run"], ["run", "b c.yaml"]]
    assert commands_of("squeezely-etl explain a.yaml KEY; /opt/squeezely-etl status") == []


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.__name__)
def test_every_command_that_is_printed_works_as_printed(desk: Any, tmp_path_factory: Any, situation: Any) -> None:
    """Each from the situation that printed it."""
    printed = "\n".join(screen.out + "\n" + screen.err for screen in situation(desk))
    assert "Traceback" not in printed
    commands = commands_of(printed)
    assert commands, printed
    before = tmp_path_factory.mktemp("before") / "folder"
    shutil.copytree(desk.folder, before)
    for words in commands:
        ended = here(desk, *words)
        if "add --yes" in ended.err:
            ended = here(desk, *words, "--yes")
        assert ended.code not in {1, 2}, f"{shlex.join(words)}\n{ended.out}{ended.err}\nof:\n{printed}"
        assert "Traceback" not in ended.err
        shutil.rmtree(desk.folder)
        shutil.copytree(before, desk.folder)
