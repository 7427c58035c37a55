"""What a shell offers while a person types: by real shells, and quickly."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.dead_letter import DeadLetter
from etl.host.system_clock import SystemClock
from etl.mapping.problem_codes import PROBLEMS
from etl.state.dead_letters import open_reasons
from etl.state.store import open_state
from tests.benchmarks.test_startup import HEAVY

ROOT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two mappings, a folder that leads to more, and two open reasons in its state."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "more" / "shop").mkdir(parents=True)
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name in ("mappings/customers.yaml", "mappings/orders.yml", "mappings/notes.txt", "more/shop/extra.yaml"):
        (tmp_path / name).touch()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with open_state(str(tmp_path / ".etl" / "state.sqlite"), clock=SystemClock(), write=True) as store:
        for number, reason in enumerate(("invalid_email", "TIMESTAMP_ERROR")):
            store.mapping("customers").bury([DeadLetter((number,), reason, "", 1, moment, moment, b"", "r1")])
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {"PATH": f"{COMMANDS}:{os.environ['PATH']}", **more}


def offered(line: str, folder: Path, **more: str) -> list[str]:
    """What click offers for `line`, by its protocol for bash."""
    words = line.split(" ")
    variables = environment(
        COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _SQUEEZELY_ETL_COMPLETE="bash_complete", **more
    )
    ended = subprocess.run(
        ["squeezely-etl"], cwd=folder, env=variables, capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stderr == ""
    return [one.removeprefix("plain,") for one in ended.stdout.splitlines() if one]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("squeezely-etl r", ["retry", "run"]),
        ("squeezely-etl run m", ["mappings/", "more/"]),
        ("squeezely-etl run map", ["mappings/", "mappings/customers.yaml", "mappings/orders.yml"]),
        ("squeezely-etl run mor", ["more/shop/", "more/shop/extra.yaml"]),
        ("squeezely-etl run other/d", ["other/deep/"]),
        ("squeezely-etl run nothing", []),
        ("squeezely-etl preview mappings/", ["mappings/customers.yaml", "mappings/orders.yml"]),
        ("squeezely-etl explain map", ["mappings/customers.yaml", "mappings/orders.yml"]),
        ("squeezely-etl state s", ["set", "show"]),
        ("squeezely-etl run mappings --if", ["--if-locked"]),
        ("squeezely-etl run mappings --if-locked s", ["skip"]),
        ("squeezely-etl retry mappings --reason ", ["TIMESTAMP_ERROR", "invalid_email"]),
        ("squeezely-etl retry mappings --reason inv", ["invalid_email"]),
        ("squeezely-etl retry --reason=T", ["TIMESTAMP_ERROR"]),
        ("squeezely-etl retry mappings --state none.sqlite --reason invalid_e", ["invalid_email"]),
    ],
)
def test_commands_mappings_options_and_reasons_are_offered(folder: Path, line: str, expected: list[str]) -> None:
    assert offered(line, folder) == expected


def test_without_open_dead_letters_every_known_code_is_offered(folder: Path) -> None:
    line = "squeezely-etl retry mappings --reason "
    assert offered(line, folder, SQUEEZELY_ETL_STATE=str(folder / "none.sqlite")) == sorted(PROBLEMS)


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_a_state_that_cannot_be_read_offers_nothing_and_says_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.sqlite"
    if content is not None:
        path.write_bytes(content)
    assert open_reasons(str(path)) == []
    assert open_reasons("postgresql://nobody@127.0.0.1:9/none") == []
    assert path.exists() is (content is not None)


def test_asking_leaves_the_states_folder_as_it_was(folder: Path) -> None:
    """D21."""
    state = folder / ".etl"

    def print_of() -> dict[str, tuple[str, int]]:
        files = [path for path in state.rglob("*") if path.is_file()]
        return {str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}

    before = print_of()
    assert open_reasons(str(state / "state.sqlite")) == ["TIMESTAMP_ERROR", "invalid_email"]
    assert print_of() == before


def test_nothing_is_imported_that_a_person_would_wait_for(folder: Path) -> None:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print(*(one for one in {HEAVY!r} if one in sys.modules), file=sys.stderr))\n"
        "from etl.cli.boundary import run\nrun([])"
    )
    for line in ("squeezely-etl r", "squeezely-etl run map", "squeezely-etl retry mappings --reason "):
        words = line.split(" ")
        variables = environment(
            COMP_WORDS=line, COMP_CWORD=str(len(words) - 1), _SQUEEZELY_ETL_COMPLETE="bash_complete"
        )
        variables["PYTHONPATH"] = str(ROOT)
        ended = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True, check=True
        )
        assert ended.stdout != ""
        assert ended.stderr.strip() == ""


def shell(name: str, script: str, folder: Path) -> str:
    program = shutil.which(name)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to complete in {name}, but it is not installed", pytrace=False)
        pytest.skip(f"not checked: {name} is not installed")
    variables = environment(HOME=str(folder), TERM="dumb")
    ended = subprocess.run(
        [program, "-c", script], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
    return ended.stdout


# The README's line for each shell: a test compares them.
LINES = {
    "bash": 'eval "$(_SQUEEZELY_ETL_COMPLETE=bash_source squeezely-etl)"',
    "zsh": 'eval "$(_SQUEEZELY_ETL_COMPLETE=zsh_source squeezely-etl)"',
    "fish": "_SQUEEZELY_ETL_COMPLETE=fish_source squeezely-etl | source",
}


def test_bash_completes(folder: Path) -> None:
    script = f"""
        {LINES["bash"]}
        complete -p squeezely-etl
        complete_for() {{
            COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
            _squeezely_etl_completion squeezely-etl; echo "${{COMPREPLY[@]}}"
        }}
        complete_for squeezely-etl sta
        complete_for squeezely-etl run map
        complete_for squeezely-etl retry mappings --reason inv
    """
    assert shell("bash", script, folder).splitlines() == [
        "complete -o nosort -F _squeezely_etl_completion squeezely-etl",
        "state status",
        "mappings/ mappings/customers.yaml mappings/orders.yml",
        "invalid_email",
    ]


def test_zsh_completes(folder: Path) -> None:
    """The completion system needs a terminal; what it is given is taken down instead."""
    script = f"""
        compdef() {{ print compdef "$@" }}
        compadd() {{ print -- ${{(P)5}} }}
        _describe() {{ print -- ${{(P)3}} }}
        {LINES["zsh"]}
        complete_for() {{ words=("$@"); CURRENT=$#; _squeezely_etl_completion }}
        complete_for squeezely-etl retry mappings --reason inv
        complete_for squeezely-etl run map
    """
    assert shell("zsh", script, folder).splitlines() == [
        "compdef _squeezely_etl_completion squeezely-etl",
        f"invalid_email:{PROBLEMS['invalid_email'].meaning}",
        "mappings/ mappings/customers.yaml mappings/orders.yml",
    ]


def test_fish_completes(folder: Path) -> None:
    ask = "; ".join(
        f"complete -C {shlex.quote(line)}"
        for line in ("squeezely-etl sta", "squeezely-etl run map", "squeezely-etl retry mappings --reason inv")
    )
    found = shell("fish", f"{LINES['fish']}; {ask}", folder).splitlines()
    assert [one.partition("\t")[0] for one in found] == [
        "state",
        "status",
        "mappings/",
        "mappings/customers.yaml",
        "mappings/orders.yml",
        "invalid_email",
    ]
