"""One rate for all processes of the host."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl.delivery.throttle import BURST_SECONDS, Rates
from etl.errors import HostRefused, UsageProblem
from etl.host.shared_budget import SharedBudget, default_folder
from tests.delivery.memory_budget import MemoryBudget

PROCESS = Path(__file__).with_name("budget_process.py")
ROOT = Path(__file__).parents[2]


def shared(folder: Path, *, account: str = "A", requests: float = 10.0, patient: bool = False) -> SharedBudget:
    return SharedBudget(
        folder=folder,
        account=("https://api.squeezely.tech", account),
        rates=Rates(requests, 1e9),
        patient=patient,
    )


def start(
    folder: Path, *, requests: float, events: float, batch: int, seconds: float, how: str = "run"
) -> subprocess.Popen:
    arguments = [str(folder), "A", str(requests), str(events), str(batch), str(seconds), how]
    return subprocess.Popen(
        [sys.executable, str(PROCESS), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def times_of(process: subprocess.Popen) -> list[float]:
    output, _ = process.communicate()
    assert process.returncode == 0
    return [float(line) for line in output.split()]


@pytest.mark.parametrize(("requests", "events", "batch"), [(60.0, 1e9, 10), (1e6, 3000.0, 50)])
def test_four_processes_together_never_pass_the_rate(
    tmp_path: Path, requests: float, events: float, batch: int
) -> None:
    """C32: no second holds more than the rate and one burst."""
    processes = [
        start(tmp_path / "shared", requests=requests, events=events, batch=batch, seconds=4.0) for _ in range(4)
    ]
    each = [times_of(process) for process in processes]
    times = sorted(time for one in each for time in one)
    rate = min(requests, events / batch)
    most = max(sum(1 for other in times if time <= other < time + 1.0) for time in times)
    assert most <= rate * (1 + BURST_SECONDS) + 1
    # A noisy machine may make it slower; that it works at all is what counts here.
    assert len(times) >= rate
    assert sum(bool(one) for one in each) > 1


def test_the_nightly_run_goes_first(tmp_path: Path) -> None:
    """A backfill beside a run that uses the whole rate gets hardly anything."""
    run = start(tmp_path / "shared", requests=40.0, events=1e9, batch=1, seconds=5.0)
    backfill = start(tmp_path / "shared", requests=40.0, events=1e9, batch=1, seconds=5.0, how="patient")
    nightly, patient = times_of(run), times_of(backfill)
    both = [time for time in patient if nightly[0] + 0.5 < time < nightly[-1] - 0.5]
    assert len(both) <= 0.1 * len(nightly)


def test_what_one_process_is_told_holds_for_the_others(tmp_path: Path) -> None:
    """C6, C8: Retry-After pauses everyone, and the rate is halved for everyone."""
    first, second = shared(tmp_path / "x"), shared(tmp_path / "x")
    first.pause_until(1000.0)
    assert second.take(events=1, now=990.0) == 10.0
    first.slow_down(995.0)
    assert second.take(events=1, now=1000.0) == 0.0
    assert second.take(events=1, now=1000.0) == pytest.approx(0.1)
    first.close()
    second.close()


def test_another_account_has_a_rate_of_its_own(tmp_path: Path) -> None:
    first, second = shared(tmp_path / "x"), shared(tmp_path / "x", account="B")
    first.pause_until(1000.0)
    assert second.take(events=1, now=990.0) == 0.0


def test_the_file_decides_exactly_as_memory_does(tmp_path: Path) -> None:
    """The same arithmetic, so the simulation of the one speaks for the other."""
    file = shared(tmp_path / "x")
    memory = MemoryBudget(requests_per_second=10.0, events_per_second=1e9)
    now = 5000.0
    for step in range(500):
        now += (step * 7 % 13) / 100
        assert file.take(events=5, now=now) == memory.take(events=5, now=now)
        if step % 50 == 7:
            file.slow_down(now)
            memory.slow_down(now)
        if step % 3 == 0:
            file.went_well(now)
            memory.went_well(now)
        if step % 60 == 11:
            file.pause_until(now + 0.5)
            memory.pause_until(now + 0.5)


def rate_file(folder: Path) -> Path:
    [file] = folder.iterdir()
    return file


DAMAGES = {"empty": b"", "torn": b"torn", "zeros": b"\0" * 84, "noise": b"\x5a\xc3" * 42, "long": b"x" * 500}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_counts_as_new(tmp_path: Path, damage: bytes) -> None:
    budget = shared(tmp_path / "x")
    budget.pause_until(1000.0)
    rate_file(tmp_path / "x").write_bytes(damage)
    other = shared(tmp_path / "x")
    assert other.take(events=1, now=10.0) == 0.0
    other.close()
    rate_file(tmp_path / "x").write_bytes(damage)
    assert budget.take(events=1, now=10.0) == 990.0, "a process remembers what it knew"
    assert shared(tmp_path / "x").take(events=1, now=10.0) == 0.0


def test_a_flipped_bit_does_not_pause_for_ever(tmp_path: Path) -> None:
    budget = shared(tmp_path / "x")
    budget.take(events=1, now=10.0)
    file = rate_file(tmp_path / "x")
    content = bytearray(file.read_bytes())
    content[47] ^= 0x40
    file.write_bytes(content)
    assert budget.take(events=1, now=10.0) == 0.0


def test_a_file_from_before_a_reboot_counts_as_new(tmp_path: Path) -> None:
    """The monotonic clock begins anew: what was paused until then would be paused for days."""
    budget = shared(tmp_path / "x")
    budget.take(events=1, now=900_000.0)
    budget.pause_until(900_060.0)
    assert shared(tmp_path / "x").take(events=1, now=30.0) == 0.0


def test_the_folder_and_the_file_are_ours_alone(tmp_path: Path) -> None:
    """F18: whatever the umask."""
    before = os.umask(0)
    try:
        shared(tmp_path / "x").take(events=1, now=1.0)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o700
    assert stat.S_IMODE(rate_file(tmp_path / "x").stat().st_mode) == 0o600


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """F20: its name is predictable, so another user may have made it first."""
    (tmp_path / "x").mkdir(mode=0o777)
    (tmp_path / "x").chmod(0o777)
    with pytest.raises(UsageProblem, match="is not a folder of yours alone"):
        shared(tmp_path / "x")


def test_a_link_in_place_of_the_folder_or_the_file_is_refused(tmp_path: Path) -> None:
    """F18, F20."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(UsageProblem):
        shared(tmp_path / "link")
    shared(tmp_path / "real").close()
    file = rate_file(tmp_path / "real")
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageProblem):
        shared(tmp_path / "real")
    assert not (tmp_path / "elsewhere").exists()


def test_the_name_of_the_file_tells_neither_account_nor_host(tmp_path: Path) -> None:
    shared(tmp_path / "x", account="secret-account").take(events=1, now=1.0)
    file = rate_file(tmp_path / "x")
    assert "secret" not in file.name
    assert b"secret" not in file.read_bytes()


def test_cron_and_a_terminal_come_to_the_same_folder(tmp_path: Path) -> None:
    """E11: what the environment says differs between them, and each would use the whole rate."""
    code = "from etl.host.shared_budget import default_folder; print(default_folder())"
    environment = {"PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == str(default_folder())


def test_the_ordinary_success_writes_nothing(tmp_path: Path) -> None:
    budget = shared(tmp_path / "x")
    budget.take(events=1, now=time.monotonic())
    file = rate_file(tmp_path / "x")
    before = file.read_bytes()
    budget.went_well(time.monotonic())
    assert file.read_bytes() == before


def test_a_full_disk_is_told_with_a_hint(tmp_path: Path) -> None:
    """Shared memory may be full; /dev/full refuses every write as it would."""
    budget = shared(tmp_path / "shared")
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, budget._file)
    os.close(full)
    with pytest.raises(HostRefused) as refused:
        budget.take(events=1, now=100.0)
    assert refused.value.message == f"sharing the rate limit in {tmp_path / 'shared'}: no space is left"
    assert "/dev/shm" in str(refused.value.hint)
    budget.close()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_that_is_removed_is_made_again_and_shared(tmp_path: Path, what: str) -> None:
    """By a person who tidies up /dev/shm: each process would go on alone, with the whole rate."""
    folder = tmp_path / "shared"
    first, second = shared(folder), shared(folder)
    assert first.take(events=1, now=100.0) == 0.0
    first.pause_until(110.0)
    for file in folder.iterdir():
        file.unlink()
    if what == "folder":
        folder.rmdir()
    assert first.take(events=1, now=100.0) == pytest.approx(10.0)
    first.pause_until(120.0)
    assert second.take(events=1, now=100.0) == pytest.approx(20.0), "both have the new file"
    third = shared(folder)
    assert third.take(events=1, now=100.0) == pytest.approx(20.0)
    for budget in (first, second, third):
        budget.close()
