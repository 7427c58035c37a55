"""The commands of `deploy dask`, executed as they are printed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from tests.deploy.conftest import SECRET, Office
from tests.servers.ports import LOOPBACK
from tests.source.tables import insert, run_sql

MAPPING = """\
version: 1
name: customers
source: {url: "${SHOP_DATABASE_URL}", table: customers, primary_key: id, cursor_field: updated_at, timezone: UTC}
event: CustomerUpdated
fields: {email: email}
"""
ROLES = ("SCHEDULER", "WORKER", "CLIENT")


@contextmanager
def going_on(command: str, environment: dict[str, str]) -> Iterator[None]:
    """A command of a shell while it lasts, and with it all that it starts."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", command], env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
        assert process.poll() is None, command
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


def with_certificates(folder: Path) -> dict[str, str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    told = {"COMM__REQUIRE_ENCRYPTION": "True", "COMM__TLS__CA_FILE": str(folder / "ca.pem")}
    for role in ROLES:
        issued = authority.issue_cert(LOOPBACK)
        issued.private_key_pem.write_to_path(str(folder / f"{role}.key"))
        issued.cert_chain_pems[0].write_to_path(str(folder / f"{role}.pem"))
        told |= {f"COMM__TLS__{role}__{kind}": str(folder / f"{role}.{end}") for kind, end in KINDS.items()}
    return {f"DASK_DISTRIBUTED__{name}": value for name, value in told.items()}


KINDS = {"CERT": "pem", "KEY": "key"}


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_scheduler_workers_and_run_work_as_printed(scheme: str, office: Office, tmp_path: Path) -> None:
    """A worker is given the database's address and not the account's key."""
    shop = f"sqlite:///{tmp_path}/shop.sqlite"
    run_sql(
        shop,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, updated_at TIMESTAMP)",
        "CREATE INDEX c ON customers (updated_at)",
    )
    insert(
        shop,
        "customers",
        [{"id": number, "email": f"p{number}@example.com", "updated_at": "2026-03-01"} for number in range(3000)],
    )
    for file in office.mappings.iterdir():
        file.unlink()
    (office.mappings / "customers.yaml").write_text(MAPPING)
    (office.folder / "secrets.env").write_text(f"SHOP_DATABASE_URL='{shop}'\n")
    printed = office.deploy("dask", "mappings").out
    assert SECRET not in printed
    assert "#   SHOP_DATABASE_URL\n" in printed
    assert "SQUEEZELY_API_KEY" not in printed
    scheduler, worker = (line for line in printed.splitlines() if line and not line.startswith("#"))
    run = printed.splitlines()[-1].removeprefix("#  ")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SCHEDULER": f"{scheme}://{LOOPBACK}:{free_port()}"}
    environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    if scheme == "tls":
        environment |= with_certificates(tmp_path)
    with ExitStack() as stack:
        stack.enter_context(going_on(scheduler, environment))
        stack.enter_context(going_on(worker, environment))
        ours = {"SHOP_DATABASE_URL": shop, "SQUEEZELY_ACCOUNT": "100", "SQUEEZELY_API_KEY": SECRET}
        for _ in range(10):
            ended = subprocess.run(
                ["/bin/sh", "-c", f"{run} --dry-run --start-from beginning -o json"],
                env=environment | ours | {"SQUEEZELY_ETL_STATE": str(tmp_path / "etl" / "state.sqlite")},
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode != 6:
                break
            # They are not there yet.
            time.sleep(1)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["new"] == 3000


def test_the_printed_image_has_what_scheduler_and_workers_need(office: Office) -> None:
    """It is not built here, for want of a registry: what it installs is looked at, and where."""
    printed = office.deploy("docker", "mappings").out
    assert "bin/pip install --no-cache-dir --require-hashes -r requirements.lock" in printed
    locked = (Path(__file__).parents[2] / "requirements.lock").read_text().splitlines()
    assert [line.split("==")[0] for line in locked if line.startswith(("dask==", "distributed=="))] == [
        "dask",
        "distributed",
    ]
    (program,) = re.findall(r'ENTRYPOINT \["(\S+)/squeezely-etl"\]', printed)
    assert f"--entrypoint {program}/dask" in office.deploy("dask", "mappings").out
