"""What the service may not do, by systemd's own measure, and that a run does without it."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from etl.sandbox.serve import running
from tests.deploy.conftest import MAPPING, Office
from tests.deploy.programs import strace, systemd_analyze

MOST_EXPOSED = 4.0


def service_of(office: Office) -> Path:
    assert office.deploy("systemd", "mappings", "--user", "daemon", "--into", "units").code == 0
    return office.folder / "units" / "squeezely-etl.service"


def test_systemd_finds_the_service_little_exposed(office: Office) -> None:
    """The scale of `systemd-analyze security` goes from 0 to 10; it was 8.9 for a service with five settings."""
    said = systemd_analyze("security", "--offline=true", "--no-pager", str(service_of(office)))
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= MOST_EXPOSED


def members(name: str) -> set[str]:
    """The system calls of systemd's set `name`, those of the sets within it too."""
    calls: set[str] = set()
    for line in systemd_analyze("syscall-filter", "--no-pager", name).splitlines():
        word = line.strip()
        if line.startswith(" ") and not word.startswith("#"):
            calls |= members(word) if word.startswith("@") else {word}
    return calls


def test_a_run_makes_no_system_call_that_the_service_is_refused(office: Office, tmp_path: Path) -> None:
    settings = service_of(office).read_text().splitlines()
    allowed: set[str] = set()
    for line in settings:
        name, _, value = line.partition("=")
        if name == "SystemCallFilter":
            allowed = allowed - members(value[1:]) if value.startswith("~") else allowed | members(value)
    shop, mapping, made = tmp_path / "shop.sqlite", tmp_path / "customers.yaml", tmp_path / "calls"
    with closing(sqlite3.connect(shop)) as database:
        database.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, updated_at DATETIME)")
        database.execute("INSERT INTO customers VALUES (1, 'eva@example.com', '2024-01-31 08:00:00')")
        database.commit()
    with running() as api:
        text = MAPPING.format(name="customers").replace("${SHOP_DATABASE_URL}", f"sqlite:///{shop}")
        text = text.replace("${SQUEEZELY_URL:-https://api.squeezely.tech}", api)
        mapping.write_text(text.replace("${file:/run/secrets/squeezely key}", "key"))
        ours = (sys.executable, "-m", "etl", "run", str(mapping), "--state", str(tmp_path / "state" / "state.sqlite"))
        said = strace("--follow-forks", "--output", str(made), *ours, "--start-from", "beginning", "-o", "json")
    assert '"outcome": "done", "exit_code": 0, "read": 1, "sent": 1' in said
    calls = set(re.findall(r"^\d+ +(\w+)\(", made.read_text(), re.MULTILINE))
    assert {"connect", "openat", "futex"} <= calls
    assert calls - allowed == set()


def test_what_processes_share_is_left_to_them(office: Office) -> None:
    """RemoveIPC= would remove the rate of a backfill that goes on, and ProcSubset= hide the boot that it belongs to."""
    text = service_of(office).read_text()
    assert "RemoveIPC=" not in text
    assert "ProcSubset=" not in text
