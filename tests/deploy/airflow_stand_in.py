"""As much of Airflow 3 as the printed DAG asks for: it is executed with this, and everything it hands over is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Self

import pytest


class AirflowException(Exception):
    """The task failed; it is tried again."""


class AirflowFailException(AirflowException):
    """The task failed for good."""


class AirflowSkipException(AirflowException):
    """The task was skipped."""


class AirflowNotFoundException(AirflowException):
    """There is no such Connection."""


@dataclass
class Connection:
    """A Connection: its URI, whether that names a host, and its password."""

    uri: str
    host: str | None
    password: str | None

    def get_uri(self) -> str:
        """All of it as one text."""
        return self.uri


@dataclass
class Airflow:
    """What the DAG handed over to Airflow while it was read, and the Connections that a task finds."""

    connections: dict[str, Connection] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    dag: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    mapped: dict[str, list[Any]] = field(default_factory=dict)
    function: Callable[..., Any] = print
    being_read: bool = True

    def read(self, text: str, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Read the DAG `text` as Airflow does."""
        sdk, exceptions = ModuleType("airflow.sdk"), ModuleType("airflow.sdk.exceptions")
        vars(sdk).update(
            DAG=self._dag, Connection=self, Param=_param, task=self._task, get_current_context=lambda: vars(self)
        )
        for kind in (AirflowException, AirflowFailException, AirflowSkipException, AirflowNotFoundException):
            setattr(exceptions, kind.__name__, kind)
        for module in (ModuleType("airflow"), sdk, exceptions):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(text, "dag.py", "exec", dont_inherit=True), {"__name__": "dag"})
        self.being_read = False
        return self

    def execute(self, **params: Any) -> Any:
        """Execute the first mapped task, with `params` as a person gave them."""
        ((name, values),) = self.mapped.items()
        self.params = {key: one["default"] for key, one in self.dag["params"].items()} | params
        return self.function(**{name: values[0]})

    def get(self, conn_id: str) -> Connection:
        """A Connection, while a task is executed."""
        assert not self.being_read, "a Connection is asked for while the DAG is read"
        if conn_id not in self.connections:
            raise AirflowNotFoundException(conn_id)
        return self.connections[conn_id]

    def __enter__(self) -> Self:
        """The DAG's block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Its end."""

    def _dag(self, **options: Any) -> Self:
        self.dag = options
        return self

    def _task(self, **options: Any) -> Callable[[Callable[..., Any]], Self]:
        self.task = options

        def decorate(function: Callable[..., Any]) -> Self:
            self.function = function
            return self

        return decorate

    def expand(self, **mapped: list[Any]) -> None:
        """One task a value."""
        self.mapped = mapped


def _param(default: Any, **schema: Any) -> dict[str, Any]:
    return {"default": default, **schema}
