"""The workers of a Dask cluster, as an executor of the standard library.

The rule: this process can end whatever state Dask is in. A lost worker is reported like a dead process; a scheduler
that is lost, silent or without workers ends the work. Nothing is left on the cluster but a task that a worker is
running.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from ssl import SSLError
from typing import Any, TypeVar

from distributed import Client, KilledWorker
from distributed.security import Security

from etl.clock import Clock
from etl.errors import EtlError, StoppedEarly, UsageProblem

T = TypeVar("T")

# Seconds for a scheduler to accept a connection, and for workers to appear.
CONNECT_SECONDS = 5.0
# Seconds for workers to report their versions; a busy one answers late.
ANSWER_SECONDS = 30.0
# How long there may be no worker, or no word of the scheduler, before the work ends. One that died is started again
# by its Dask within seconds.
SILENT_SECONDS = 60.0
CLOSE_SECONDS = 2.0
# With more threads pages would be too small to be worth sending.
MOST_WORKERS = 64
_LOOK_SECONDS = 0.2
_ASK_SECONDS = 5.0
_TLS = (
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY name the files for tls://"
)


class DaskCluster:
    """The cluster whose scheduler listens at `address`; certificates for tls:// are those of Dask's configuration.

    `same`: the packages whose versions must be those of this process everywhere. `count` is the number of workers'
    threads, `MOST_WORKERS` at most.

    Raises:
        StoppedEarly: no scheduler answers, or it has no workers.
        UsageProblem: Dask is configured otherwise than the cluster, or versions differ.
    """

    def __init__(self, address: str, *, same: Sequence[str], clock: Clock) -> None:
        self.address = address
        self._clock = clock
        security = _security(address)
        self._client = self._interruptibly(partial(self._connected, security), seconds=3 * CONNECT_SECONDS)
        try:
            count = self._interruptibly(self._threads_at_first, seconds=3 * CONNECT_SECONDS)
            self.count = min(MOST_WORKERS, count)
            found = self._interruptibly(partial(self._versions, same), seconds=2 * ANSWER_SECONDS)
            self._refuse_others(same, found)
        except BaseException:
            self.close()
            raise
        # Replaced after each loss of the scheduler.
        self._stream = self._client.scheduler_comm
        self._asked = clock.monotonic()
        # When it was first seen that there is no worker; None: there is one, or all results come in time.
        self._silent_since: float | None = None

    def open(self) -> Executor:
        """Have tasks done. Raises `StoppedEarly` where the scheduler is lost."""
        if self._lost:
            raise self.lost()
        return _Tasks(self, self._client.get_executor(pure=False, retries=0))

    def look(self) -> None:
        """To be called while a result is awaited. Raises `StoppedEarly` where there is nothing more to wait for."""
        if self._lost:
            raise self.lost()
        now = self._clock.monotonic()
        if now - self._asked < _ASK_SECONDS:
            return
        if now - self._asked > 2 * _ASK_SECONDS:
            # Results came meanwhile.
            self._silent_since = None
        self._asked = now
        count = 0
        with suppress(TimeoutError, OSError):
            count = self._threads()
        if count:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since > SILENT_SECONDS:
            raise StoppedEarly(
                f"the scheduler at {self.address} had no worker for {SILENT_SECONDS:.0f} s",
                hint="start workers (`squeezely-etl deploy dask` prints how); the next run goes on from here",
            )

    def close(self) -> None:
        """Leave the cluster, whatever state it is in."""
        with suppress(TimeoutError, OSError, RuntimeError):
            self._client.close(timeout=CLOSE_SECONDS)

    def lost(self) -> StoppedEarly:
        """The error for a lost scheduler."""
        return StoppedEarly(
            f"the connection to the scheduler at {self.address} was lost",
            hint="see that it runs (its log says why it ended); the next run goes on from here",
        )

    @property
    def _lost(self) -> bool:
        return self._client.status != "running" or self._client.scheduler_comm is not self._stream

    def _connected(self, security: Security) -> Client:
        try:
            return Client(
                self.address, set_as_default=False, timeout=CONNECT_SECONDS, name="squeezely-etl", security=security
            )
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageProblem(
                f"--workers {self.address}: Dask cannot take this address ({type(error).__name__})",
                hint="`squeezely-etl deploy dask` prints the address of a scheduler that it starts",
            ) from error
        except OSError as error:
            raise self._unanswered() from error

    def _unanswered(self) -> StoppedEarly:
        also = ", and that both take the same certificates" if self.address.startswith("tls:") else ""
        return StoppedEarly(
            f"no Dask scheduler answered at {self.address}",
            hint=f"see that it runs there{also}; `squeezely-etl deploy dask` prints how to start one",
        )

    def _threads(self) -> int:
        threads: Mapping[str, int] = self._client.sync(self._client.nthreads, callback_timeout=CLOSE_SECONDS)
        return sum(threads.values())

    def _threads_at_first(self) -> int:
        end = self._clock.monotonic() + CONNECT_SECONDS
        while not (count := self._threads()):
            if self._clock.monotonic() > end or self._clock.wait(_LOOK_SECONDS):
                raise StoppedEarly(
                    f"the scheduler at {self.address} has no worker",
                    hint="start workers; `squeezely-etl deploy dask` prints how",
                )
        return count

    def _versions(self, same: Sequence[str]) -> Mapping[str, Any]:
        asked = partial(self._client.get_versions, packages=list(same))
        try:
            found: Mapping[str, Any] = self._client.sync(asked, callback_timeout=ANSWER_SECONDS)
        except TimeoutError:
            raise StoppedEarly(
                f"workers of {self.address} did not answer within {ANSWER_SECONDS:.0f} s",
                hint="end those that are stopped; the next run goes on from here",
            ) from None
        return found

    def _refuse_others(self, same: Sequence[str], found: Mapping[str, Any]) -> None:
        ours = found["client"]["packages"]
        places = {"the scheduler": found["scheduler"], **{f"worker {at}": one for at, one in found["workers"].items()}}
        told = [
            f"{name} is {there['packages'].get(name) or 'missing'} at {place} and {ours.get(name)} here"
            for place, there in places.items()
            for name in ("python", *same)
            if there["packages"].get(name) != ours.get(name)
        ]
        if told:
            more = f" (and {len(told) - 3} more)" if len(told) > 3 else ""
            raise UsageProblem(
                f"--workers {self.address}: {'; '.join(told[:3])}{more}",
                hint="other versions may make other events: use one image or one lock file for all of them",
            )

    def _interruptibly(self, call: Callable[[], T], *, seconds: float) -> T:
        """The result of `call`, made in a thread that is abandoned after `seconds`, or when this process has to end.

        Dask's own time-outs do not hold while it shakes hands: a port may accept a connection and never answer.
        """
        end = self._clock.monotonic() + seconds
        done: Future[T] = Future()
        threading.Thread(target=_do, args=(done, call), name="dask", daemon=True).start()
        while True:
            try:
                return done.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if done.done():
                    raise StoppedEarly(
                        f"the scheduler at {self.address} does not answer", hint="see that it runs"
                    ) from None
                if self._clock.wait(0.0):
                    raise StoppedEarly("stopped while workers were asked") from None
                if self._clock.monotonic() > end:
                    raise self._unanswered() from None


def _security(address: str) -> Security:
    """The certificates of Dask's configuration. Checked first, because a client that failed cannot be closed."""
    security = Security()
    try:
        made = security.get_connection_args("client")
    except (OSError, SSLError, TypeError, ValueError) as error:
        raise UsageProblem(
            f"--workers {address}: the certificates of Dask's configuration cannot be used ({type(error).__name__})",
            hint=_TLS,
        ) from error
    if address.startswith("tls:") and made.get("ssl_context") is None:
        raise UsageProblem(f"--workers {address}: Dask's configuration names no certificates", hint=_TLS)
    if address.startswith("tcp:") and made.get("require_encryption"):
        raise UsageProblem(
            f"--workers {address}: Dask's configuration requires encryption", hint="name the scheduler by tls://"
        )
    return security


def _do(done: Future[T], call: Callable[[], T]) -> None:
    try:
        done.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised where the result is taken
        done.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """A call and its arguments, in a form that hides keys and cursors from Dask's logs and pages."""

    data: bytes = field(repr=False)


def squeezely_etl(hidden: _Hidden) -> Any:  # noqa: ANN401 - what the call gives
    """The function that a worker runs; its name appears on Dask's pages."""
    call, arguments = pickle.loads(hidden.data)  # noqa: S301 - of a process of ours
    return call(*arguments)


class _Tasks(Executor):
    """Dask's own executor, with the standard library's exceptions for lost workers."""

    def __init__(self, cluster: DaskCluster, executor: Executor) -> None:
        self._cluster = cluster
        self._executor = executor

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:  # noqa: ANN401
        """Submit `task`. It cannot be cancelled, because Dask may be about to deliver its result."""
        asked: Future[Any] = Future()
        try:
            given = self._executor.submit(squeezely_etl, _Hidden(pickle.dumps((task, arguments))), **options)
        except Exception:  # noqa: BLE001 - Dask's, of no class of its own, once it is closed
            asked.set_exception(self._cluster.lost())
            return asked
        given.add_done_callback(partial(self._hand_on, asked))
        return asked

    def _hand_on(self, asked: Future[Any], given: Future[Any]) -> None:
        if not asked.set_running_or_notify_cancel():
            return
        try:
            asked.set_result(given.result())
        except CancelledError:
            # The scheduler ended, or a person cancelled its tasks.
            asked.set_exception(self._cluster.lost())
        except KilledWorker:
            asked.set_exception(BrokenExecutor("every worker that was given the task died"))
        except EtlError as error:
            asked.set_exception(error)
        except Exception as error:  # noqa: BLE001 - a task raises nothing, so it is Dask's
            # The error's text may contain the task's arguments.
            asked.set_exception(
                StoppedEarly(
                    f"the cluster at {self._cluster.address} could not do a task ({type(error).__name__})",
                    hint="the logs of its scheduler and workers say why; the next run goes on from here",
                )
            )
