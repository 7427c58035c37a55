"""Each unit is read, checked or executed by the program that it is for."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.deploy.conftest import SECRET, Office
from tests.deploy.programs import hadolint, systemd_analyze

KINDS = ("cron", "systemd", "kubernetes", "airflow", "docker", "github", "dask")
RUN = ["--if-locked", "skip", "--max-runtime", "3h"]

ROOT = Path(__file__).parents[2]


def put_witness(folder: Path, *, ends_with: int = 0) -> Path:
    """A program in the place of ours that writes down its arguments, folder and variables, a line each."""
    program = folder / "witness"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" "$PWD" "$SHOP_DATABASE_URL"\nexit {ends_with}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def crontab_line(text: str) -> tuple[list[str], str]:
    """The five fields and the command of the only line that cron would see, as crontab(5) reads it."""
    (line,) = (line for line in text.splitlines() if line and not line.startswith("#"))
    *schedule, command = line.split(maxsplit=5)
    before, *after = command.replace(r"\%", "\0").split("%")
    assert not after, "an unescaped % would end the command"
    return schedule, before.replace("\0", "%")


def as_cron(command: str) -> subprocess.CompletedProcess[str]:
    """Execute `command` with what cron gives: a shell, a home, a short path, no locale (E11)."""
    return subprocess.run(
        ["env", "-i", "HOME=/", "LOGNAME=etl", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def cron_command(office: Office, witness: Path) -> str:
    printed = office.deploy("cron", "mappings", "--log", "run.log")
    assert (printed.code, printed.err) == (0, "")
    schedule, command = crontab_line(printed.out)
    assert schedule == ["17", "3", "*", "*", "*"]
    ours = next(word for word in shlex.split(command) if word.endswith("squeezely-etl"))
    return command.replace(ours, shlex.quote(str(witness)))


def test_the_crontabs_line_runs_in_crons_environment(office: Office) -> None:
    """E11: the folder's name has a space and a %, which a crontab reads as a line break."""
    (office.folder / "secrets.env").write_text("SHOP_DATABASE_URL='sqlite:///a b'\n")
    ended = as_cron(cron_command(office, put_witness(office.folder)))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    state = str(office.folder / ".etl" / "state.sqlite")
    expected = ["run", str(office.mappings), "--state", state, *RUN, str(office.folder), "sqlite:///a b"]
    began, *said = (office.folder / "run.log").read_text().splitlines()
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", began), "also a run without a summary has its night"
    assert said == expected


@pytest.mark.parametrize(("code", "mail"), [(6, ""), (3, "squeezely-etl ended with exit code 3, see {log}\n")])
def test_cron_sends_mail_only_when_a_person_has_something_to_do(office: Office, code: int, mail: str) -> None:
    """E13: 6 means that the next run goes on; cron mails whatever its line prints."""
    (office.folder / "secrets.env").write_text("SHOP_DATABASE_URL=x\n")
    ended = as_cron(cron_command(office, put_witness(office.folder, ends_with=code)))
    assert ended.stdout + ended.stderr == mail.format(log=office.folder / "run.log")


def test_a_missing_environment_file_is_said_and_nothing_runs(office: Office) -> None:
    ended = as_cron(cron_command(office, put_witness(office.folder)))
    assert ended.returncode != 0
    assert "secrets.env" in ended.stderr
    assert not (office.folder / "run.log").exists()


def test_the_crontabs_line_works_before_any_run(office: Office) -> None:
    """Its log lies beside a state that is not there yet, in a folder that does not exist."""
    (office.folder / "secrets.env").write_text("SHOP_DATABASE_URL=x\n")
    printed = office.deploy("cron", "mappings")
    _, command = crontab_line(printed.out)
    ours = next(word for word in shlex.split(command) if word.endswith("squeezely-etl"))
    ended = as_cron(command.replace(ours, shlex.quote(str(put_witness(office.folder)))))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert (office.folder / ".etl").stat().st_mode & 0o777 == 0o700
    assert (office.folder / ".etl" / "run.log").exists()


def test_the_first_night_of_the_crontabs_line_asks_for_a_first_run(office: Office) -> None:
    """The program itself, in cron's environment, with nothing there yet: the mail says where to look."""
    for name in ("customers", "orders"):
        file = office.mappings / f"{name}.yaml"
        file.write_text(file.read_text().replace("${file:/run/secrets/squeezely key}", "key"))
    (office.folder / "secrets.env").write_text("SHOP_DATABASE_URL='sqlite:///shop&c.sqlite'\n")
    _, command = crontab_line(office.deploy("cron", "mappings").out)
    ended = as_cron(command)
    log = office.folder / ".etl" / "run.log"
    assert ended.stdout + ended.stderr == f"squeezely-etl ended with exit code 8, see {log}\n"
    assert "customers: there is no state at" in log.read_text()
    assert "--start-from" in log.read_text()


def test_the_crontab_shows_how_values_are_quoted_and_how_the_log_is_rotated(office: Office) -> None:
    printed = office.deploy("cron", "mappings").out
    assert "SHOP_DATABASE_URL='…'" in printed
    stanza = printed.partition("holds then:\n")[2].partition("# The first run")[0]
    assert [line.removeprefix("# ").strip() for line in stanza.splitlines()] == [
        f'"{office.folder}/.etl/run.log" {{',
        *("monthly", "rotate 12", "compress", "missingok", "notifempty", "}"),
    ]


def test_a_state_that_this_shell_names_is_told_to_be_left_out(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEEZELY_ETL_STATE", "/tmp/rehearsal.sqlite")
    printed = office.deploy("cron", "mappings")
    assert "SQUEEZELY_ETL_STATE of this shell is not written into the unit" in printed.err
    assert "rehearsal" in office.deploy("cron", "mappings", "--state", "/tmp/rehearsal.sqlite").out


def test_systemd_accepts_the_service_and_the_timer(office: Office) -> None:
    printed = office.deploy("systemd", "mappings", "--schedule", "0 6 13 * 5", "--user", "root", "--into", "units")
    assert (printed.code, printed.err) == (0, "")
    units = ["units/squeezely-etl.service", "units/squeezely-etl.timer"]
    assert printed.out.splitlines() == units
    systemd_analyze("verify", *(str(office.folder / unit) for unit in units))
    service = (office.folder / units[0]).read_text()
    state = office.folder / ".etl"
    assert f"WorkingDirectory={office.folder}".replace("%", "%%") in service.splitlines()
    assert f'ReadWritePaths="{state}"'.replace("%", "%%") in service.splitlines()
    (start,) = (line for line in service.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(start.removeprefix("ExecStart=").replace("%%", "%"))
    assert words[1:] == ["run", str(office.mappings), "--state", str(state / "state.sqlite"), *RUN]


def test_several_files_are_printed_with_their_places(office: Office) -> None:
    printed = office.deploy("systemd", "mappings/orders.yaml")
    assert [line for line in printed.out.splitlines() if line.startswith("# /etc")] == [
        "# /etc/systemd/system/squeezely-etl-orders.service",
        "# /etc/systemd/system/squeezely-etl-orders.timer",
    ]


def test_the_url_of_a_state_in_a_database_is_not_printed(office: Office) -> None:
    """F2: the URL may hold a password, so it goes by its variable's name."""
    url = f"postgresql://etl:{SECRET}@db/state"
    for kind in KINDS:
        assert SECRET not in office.deploy(kind, "mappings", "--state", url).out


def image(office: Office) -> tuple[str, str]:
    """The Dockerfile and the .dockerignore."""
    printed = office.deploy("docker", "mappings").out
    dockerfile, _, ignored = printed.partition("\n# .dockerignore\n")
    return dockerfile, ignored


def copied(dockerfile: str) -> list[str]:
    """What the image takes from the checkout."""
    return [
        word
        for line in dockerfile.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]


def test_hadolint_accepts_the_dockerfile(office: Office) -> None:
    assert office.deploy("docker", "mappings", "--into", "image").code == 0
    hadolint(str(office.folder / "image" / "Dockerfile"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("github", "dask")])
def test_a_unit_names_the_variable_that_says_whom_to_tell(office: Office, kind: str) -> None:
    """A person who reads the unit learns that it exists. The workflow of GitHub and Dask's workers send nothing."""
    assert "SQUEEZELY_ETL_RUN_NOTIFY_URL" in office.deploy(kind, "mappings").out


def test_the_image_holds_what_every_extra_needs(office: Office) -> None:
    """It installs the lock and nothing else, so that a package that is missing there is missing in the night."""
    dockerfile, _ = image(office)
    assert "--require-hashes -r requirements.lock" in dockerfile
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[<>=]", one)[0] for extra in project["optional-dependencies"].values() for one in extra} | {
        "apprise"
    }
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert wanted - locked == set()


def test_the_image_runs_as_somebody_with_the_state_on_a_volume(office: Office) -> None:
    dockerfile, _ = image(office)
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    last_stage = lines[max(at for at, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER 10001:10001" in last_stage
    assert "VOLUME /state" in last_stage
    assert not any(line.startswith(("ADD ", "ARG ")) for line in lines)
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert [base for base in bases if not re.fullmatch(r"python:3\.13\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)] == []


def test_the_image_is_built_from_what_it_copies_and_sees_no_more(office: Office) -> None:
    dockerfile, ignored = image(office)
    first, *others = ignored.split()
    assert first == "*"
    assert others == [*(f"!{name}" for name in copied(dockerfile)), "**/__pycache__"]
    checkout = office.folder / "src"
    for name in copied(dockerfile):
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(office.folder))
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(checkout)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (wheel,) = office.folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        assert {"etl/cli/__init__.py", "etl/README.md", "etl/mapping-language.md"} <= set(packed.namelist())


def test_the_docker_command_mounts_what_the_run_needs(office: Office) -> None:
    text = office.deploy("docker", "mappings/orders.yaml").out
    (command,) = (line for line in text.splitlines() if line.startswith("#   docker run"))
    words = shlex.split(command.removeprefix("#"))
    assert words[2:] == [
        "--rm",
        "--init",
        "--volume",
        "squeezely-etl-orders-state:/state",
        "--volume",
        f"{office.mappings / 'orders.yaml'}:/mappings/orders.yaml:ro",
        "--volume",
        "/run/secrets/squeezely key:/run/secrets/squeezely key:ro",
        "--env",
        "SHOP_DATABASE_URL",
        "--env",
        "SQUEEZELY_URL",
        "--env",
        "SQUEEZELY_ETL_RUN_PING_URL",
        "--env",
        "SQUEEZELY_ETL_RUN_NOTIFY_URL",
        "--env",
        "SQUEEZELY_ETL_RUN_PUSHGATEWAY",
        words[-9],
        "run",
        "/mappings/orders.yaml",
        "--state",
        "/state/etl/state.sqlite",
        *RUN,
    ]


def test_figures_for_prometheus_go_where_the_unit_may_write(office: Office) -> None:
    option = ("--metrics-file", "figures/run.prom")
    path = str(office.folder / "figures" / "run.prom")
    _, command = crontab_line(office.deploy("cron", "mappings", *option).out)
    assert shlex.split(command.partition("; } >>")[0])[-2:] == ["--metrics-file", path]
    assert office.deploy("systemd", "mappings", "--user", "root", *option, "--into", "units").code == 0
    units = [str(office.folder / "units" / f"squeezely-etl.{kind}") for kind in ("service", "timer")]
    systemd_analyze("verify", *units)
    service = Path(units[0]).read_text().replace("%%", "%")
    assert f'ReadWritePaths="{office.folder / ".etl"}" "-{office.folder / "figures"}"' in service.splitlines()
    assert f'--metrics-file "{path}"' in service
    assert path in office.deploy("airflow", "mappings", *option).out
    for kind in ("kubernetes", "docker"):
        printed = office.deploy(kind, "mappings", *option)
        assert (printed.code, printed.out) == (2, "")
        assert "does not see the files of a container" in printed.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_names_variables_and_shows_none(office: Office, kind: str) -> None:
    """F1, F2: the variables are set while the unit is printed."""
    printed = office.deploy(kind, "mappings")
    assert "SHOP_DATABASE_URL" in printed.out
    assert SECRET not in printed.out + printed.err


@pytest.mark.parametrize("kind", KINDS)
def test_a_unit_is_the_same_every_time(office: Office, kind: str) -> None:
    assert office.deploy(kind, "mappings").out == office.deploy(kind, "mappings").out


def test_a_file_that_is_there_is_not_overwritten(office: Office) -> None:
    assert office.deploy("systemd", "mappings", "--into", "units").code == 0
    timer = office.folder / "units" / "squeezely-etl.timer"
    timer.write_text("mine")
    printed = office.deploy("systemd", "mappings", "--into", "units")
    assert printed.code == 2
    assert "is there already" in printed.err
    assert timer.read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--schedule", "daily"), "error: --schedule: expected the five fields of a crontab"),
        (("--max-runtime", "soon"), "error: --max-runtime: expected a duration"),
    ],
)
def test_an_option_that_cannot_be_read_ends_with_2(office: Office, options: tuple[str, ...], words: str) -> None:
    printed = office.deploy("cron", "mappings", *options)
    assert (printed.code, printed.out) == (2, "")
    assert words in printed.err


@pytest.mark.parametrize("kind", KINDS)
def test_own_steps_are_read_and_no_container_goes_without_them(office: Office, kind: str) -> None:
    orders = office.mappings / "orders.yaml"
    text = orders.read_text().replace("{email: email}", "{email: {column: email, transform: [own]}}")
    orders.write_text(f"{text}steps: steps.py\n")
    (office.mappings / "steps.py").write_text("def own(values):\n    return values\n")
    printed = office.deploy(kind, "mappings")
    if kind in ("kubernetes", "docker"):
        assert (printed.code, printed.out) == (2, "")
        assert "steps.py: this unit carries mappings into its container" in printed.err
    else:
        assert printed.code == 0, printed.err


def test_no_unit_is_written_for_a_wrong_mapping(office: Office) -> None:
    (office.mappings / "orders.yaml").write_text("version: 1\n")
    printed = office.deploy("cron", "mappings")
    assert (printed.code, printed.out) == (2, "")
    assert "orders.yaml:1:1" in printed.err


def test_the_witness_tells_the_truth(office: Office) -> None:
    """A broken witness would let every test of cron pass."""
    program = put_witness(office.folder)
    ended = subprocess.run(
        [program, "a b"], env={**os.environ, "SHOP_DATABASE_URL": "x"}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[::2] == ["a b", "x"]


@pytest.mark.parametrize("kind", ["cron", "systemd", "kubernetes", "airflow", "docker"])
def test_a_unit_says_that_mappings_belong_in_a_folder_of_ones_own(office: Office, kind: str) -> None:
    """What stands in the program's own folder is replaced by an update."""
    printed = office.deploy(kind, str(office.mappings)).out
    assert "in a folder of your own, outside the program's checkout" in printed
    examples = office.deploy(kind, str(ROOT / "mappings" / "customers.yaml")).out
    assert f"! {ROOT / 'mappings'} holds the program's examples" in examples
    assert "call deploy there" in examples


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("github", "dask")])
def test_a_unit_says_what_git_is_to_leave_out(office: Office, kind: str) -> None:
    """Credentials and the state lie in the same folder as the mappings, which are kept in git."""
    words = "its .gitignore holds a line for each of:"
    assert f"{words} secrets.env .etl\n" in office.deploy(kind, "mappings").out
    elsewhere = ("--environment-file", "/etc/etl/secrets.env", "--state", "/var/lib/etl/state.sqlite")
    assert words not in office.deploy(kind, "mappings", *elsewhere).out


def test_nothing_of_a_rehearsal_in_this_shell_is_written_into_a_unit(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variable of the program's own options, and the address that the mappings take from one."""
    for name, value in {
        "SQUEEZELY_ETL_STATE": "trial-4711.sqlite",
        "SQUEEZELY_URL": "http://trial-4711:8765",
        "SQUEEZELY_ETL_RUN_START_FROM": "trial-4711",
        "SQUEEZELY_ETL_RUN_METRICS_FILE": "trial-4711.prom",
        "SQUEEZELY_ETL_RUN_PUSHGATEWAY": "http://trial-4711:9091",
        "SQUEEZELY_ETL_RUN_PING_URL": "https://trial-4711/ping",
        "SQUEEZELY_ETL_RUN_NOTIFY_URL": "json://trial-4711/token",
    }.items():
        monkeypatch.setenv(name, value)
    for kind in KINDS:
        printed = office.deploy(kind, "mappings")
        assert printed.code == 0
        assert "trial-4711" not in printed.out
