"""One API account's rate for all processes of the host, kept in a small file.

The rule: read, decide and write happen under one lock, by the arithmetic of `etl.delivery.throttle`; a file that is
torn or from before a reboot counts as new, and one that is removed is made again. The file holds times only, and its
name is a hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from etl.delivery.throttle import BudgetState, Rates, pause, recover, slow_down, take
from etl.errors import EtlError, UsageProblem
from etl.host.refusal import refusal_of

_BODY = struct.Struct("<8s8s8d")
_CHECK = struct.Struct("<I")
_MAGIC = b"sqzrate1"
_SIZE = _BODY.size + _CHECK.size
# Names in them are predictable, so `_open_private` accepts only a folder that no other user can write.
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - see above
_TEMPORARY = Path("/tmp")  # noqa: S108 - see above
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Seconds. Two processes may read their clocks in one order and take the lock in the other.
_CLOCK_SLACK_SECONDS = 60.0


def default_folder() -> Path:
    """The folder for this user's shared rates: in the shared memory where there is one, else in /tmp.

    It does not depend on the environment: cron, a service and a terminal must come to the same folder, or each would
    use the whole rate. (`XDG_RUNTIME_DIR` and `TMPDIR` differ between them; a service may have a /tmp of its own.)
    """
    base = _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK | os.X_OK) else _TEMPORARY
    return base / f"squeezely-etl-{os.getuid()}"


class SharedBudget:
    """The budget of `account`, shared with every process of this user that names the same folder and account.

    account: the address and account id. The rates come from this process's mapping. patient: yield while a process that
    is not patient has to wait (a backfill beside a nightly run). Raises `UsageProblem` when the folder cannot be made,
    or is not ours alone.
    """

    def __init__(
        self,
        *,
        folder: Path,
        account: tuple[str, ...],
        rates: Rates,
        patient: bool = False,
    ) -> None:
        self._rates = rates
        self._patient = patient
        self._slowed = False
        self._folder = folder
        self._boot = _boot_mark()
        # The last state that this process saw, in case the file is removed.
        self._last = (BudgetState(), 0.0)
        self._name = hashlib.blake2b("\0".join(account).encode(), digest_size=16).hexdigest() + ".rate"
        self._file = _open_private(folder, self._name)

    def take(self, *, events: int, now: float) -> float:
        """As `Budget.take`."""
        granted = 0.0

        def ask(state: BudgetState) -> BudgetState:
            nonlocal granted
            after, granted = take(state, self._rates, events=events, now=now, patient=self._patient)
            return after

        self._change(ask, now=now)
        return granted

    def pause_until(self, until: float) -> None:
        """As `Budget.pause_until`."""
        self._change(lambda state: pause(state, until=until), now=None)

    def slow_down(self, now: float) -> None:
        """As `Budget.slow_down`."""
        self._change(lambda state: slow_down(state, now=now), now=now)

    def went_well(self, now: float) -> None:
        """As `Budget.went_well`."""
        # By the factor seen at the last request, so that an ordinary success costs no system call.
        if self._slowed:
            self._change(lambda state: recover(state, now=now), now=now)

    def close(self) -> None:
        """Close the file; grants stay recorded."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _change(self, step: Callable[[BudgetState], BudgetState], *, now: float | None) -> None:
        try:
            self._changed(step, now=now)
        except OSError as error:
            raise _refused(error, self._folder) from error

    def _changed(self, step: Callable[[BudgetState], BudgetState], *, now: float | None) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            while not os.fstat(self._file).st_nlink:
                # The file was removed: make a new one that the other processes can find.
                os.close(self._file)
                self._file = _open_private(self._folder, self._name)
                fcntl.flock(self._file, fcntl.LOCK_EX)
            state, written_at = self._read(now) or self._last
            after = step(state)
            self._slowed = after.factor < 1.0
            self._last = after, max(written_at, now or 0.0)
            if after != state:
                self._write(*self._last)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _read(self, now: float | None) -> tuple[BudgetState, float] | None:
        """The file's content and when it was written; None if the file is new, torn, or from before a reboot."""
        content = os.pread(self._file, _SIZE + 1, 0)
        if len(content) != _SIZE or _CHECK.unpack_from(content, _BODY.size)[0] != zlib.crc32(content[: _BODY.size]):
            return None
        magic, boot, written_at, *values = _BODY.unpack_from(content)
        rebooted = boot != self._boot or (now is not None and written_at > now + _CLOCK_SLACK_SECONDS)
        if magic != _MAGIC or rebooted:
            return None
        return BudgetState(*values), written_at

    def _write(self, state: BudgetState, written_at: float) -> None:
        body = _BODY.pack(
            _MAGIC,
            self._boot,
            written_at,
            state.requests_paid_at,
            state.events_paid_at,
            state.paused_until,
            state.factor,
            state.slowed_at,
            state.recovered_at,
            state.wanted_at,
        )
        os.pwrite(self._file, body + _CHECK.pack(zlib.crc32(body)), 0)


def _boot_mark() -> bytes:
    """Eight bytes that differ after a reboot; zeros where the system does not tell."""
    try:
        return hashlib.blake2b(_BOOT_ID.read_bytes(), digest_size=8).digest()
    except OSError:
        return bytes(8)


def _open_private(folder: Path, name: str) -> int:
    """Open a file of ours, made if missing, in a folder that is ours alone (F18, F20)."""
    hint = f"remove {folder}, or give it to the user that runs this, with mode 0700"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(folder_fd)
            if status.st_uid != os.getuid() or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise UsageProblem(f"sharing the rate limit: {folder} is not a folder of yours alone (0700)", hint=hint)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(name, flags, mode=0o600, dir_fd=folder_fd)
            os.fchmod(file, 0o600)
        finally:
            os.close(folder_fd)
    except OSError as error:
        raise _refused(error, folder, hint=hint) from error
    return file


def _refused(error: OSError, folder: Path, *, hint: str | None = None) -> EtlError:
    refusal = refusal_of(error, doing=f"sharing the rate limit in {folder}")
    words = f"sharing the rate limit: cannot use a file in {folder}: {error.strerror}"
    return refusal or UsageProblem(words, hint=hint)
