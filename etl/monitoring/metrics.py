"""The figures of a mapping's last run, by name, for Prometheus.

The rule: every figure is a gauge in base units and belongs to one mapping; parts of a whole share a name and differ by
a label, so that their sum means something (https://prometheus.io/docs/practices/naming/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from etl.monitoring.ending import Ending

PREFIX = "squeezely_etl_"

LAST_RUN = {
    "last_run_timestamp_seconds": "When the last run ended, in unix time.",
    "last_success_timestamp_seconds": "When a run last did all there was to do, in unix time.",
    "last_run_exit_code": "How the last run ended: 0 done, 3 with invalid or rejected rows, 6 stopped cleanly.",
    "last_run_duration_seconds": "How long the last run took.",
    "last_run_rows": "Rows that the last run read, by what became of them.",
    "last_run_omitted_fields": "Events of the last run that went without a field, by field and reason.",
    "last_run_read_rows": "Rows that the last run read.",
    "last_run_held_rows": "Rows too new for the last run, left for the next one.",
    "last_run_unconfirmed_events": "Events of the last run whose answer neither confirmed nor refused them.",
    "last_run_requests": "Requests of the last run, retries included.",
    "last_run_retries": "Requests of the last run that repeated another.",
    "last_run_ambiguous_requests": "Requests of the last run that the API may have received though no answer says so.",
    "last_run_guards_tripped": "Guards of the mapping that stopped the last run before it sent anything.",
    "last_run_waited_seconds": "How long the last run waited for the throttle alone.",
}
DEAD_LETTERS = "open_dead_letters"
CHECKPOINT = "checkpoint_timestamp_seconds"
HELP = {
    **LAST_RUN,
    DEAD_LETTERS: "Rows that could not be delivered and are not yet retried, by reason.",
    CHECKPOINT: "Up to which moment of its cursor the mapping is settled, in unix time.",
}
OUTCOMES = ("sent", "unchanged", "invalid", "rejected", "suppressed", "unsent")


class Series(NamedTuple):
    """A figure's name, without the prefix, and its labels in order."""

    name: str
    labels: tuple[tuple[str, str], ...]


Figures = dict[Series, float]


def figures_of(ending: Ending) -> Figures:
    """The figures that `ending` gives."""
    return dict(_figures(ending))


def replaced_by(ending: Ending, series: Series) -> bool:
    """Whether `ending` replaces this older figure; figures that it does not know stay as they are."""
    labels = dict(series.labels)
    if labels.get("mapping") != ending.outcome.mapping:
        return False
    if series.name == DEAD_LETTERS:
        return ending.dead_letters is not None
    if series.name == CHECKPOINT:
        return ending.checkpoint_at is not None
    if series.name == "last_success_timestamp_seconds" and ending.last_done_at is None:
        return False
    return labels.get("command") == ending.outcome.command


def registry_of(figures: Figures) -> CollectorRegistry:
    """`figures` as the library writes them, each with its help."""
    registry = CollectorRegistry()
    registry.register(_Gauges(figures))
    return registry


def _figures(ending: Ending) -> Iterator[tuple[Series, float]]:
    outcome, books = ending.outcome, ending.outcome.books
    of_mapping = {"mapping": outcome.mapping}
    of_run = {"command": outcome.command, **of_mapping}
    values = {
        "last_run_timestamp_seconds": ending.ended_at.timestamp(),
        "last_run_exit_code": outcome.exit_code,
        "last_run_duration_seconds": round(outcome.duration_seconds, 3),
        "last_run_read_rows": books.read,
        "last_run_unconfirmed_events": books.unconfirmed,
        "last_run_requests": books.requests,
        "last_run_retries": books.retries,
        "last_run_ambiguous_requests": books.ambiguous,
        "last_run_guards_tripped": 0 if outcome.forecast is None else len(outcome.forecast.guards),
        "last_run_waited_seconds": round(books.waited_seconds, 3),
    }
    if "held" not in books.uncounted:
        values["last_run_held_rows"] = books.held
    if ending.last_done_at is not None:
        values["last_success_timestamp_seconds"] = ending.last_done_at.timestamp()
    for name, value in values.items():
        yield _series(name, of_run), value
    for what in OUTCOMES:
        yield _series("last_run_rows", {**of_run, "outcome": what}), getattr(books, what)
    for (name, code), count in books.omitted.items():
        yield _series("last_run_omitted_fields", {**of_run, "field": name, "reason": code}), count
    for reason, count in (ending.dead_letters or {}).items():
        yield _series(DEAD_LETTERS, {**of_mapping, "reason": reason}), count
    if ending.checkpoint_at is not None:
        yield _series(CHECKPOINT, of_mapping), ending.checkpoint_at.timestamp()


def _series(name: str, labels: dict[str, str]) -> Series:
    return Series(name, tuple(sorted(labels.items())))


class _Gauges(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for name, text in HELP.items():
            metric = Metric(PREFIX + name, text, "gauge")
            for series, value in sorted(self._figures.items()):
                if series.name == name:
                    metric.add_sample(PREFIX + name, dict(series.labels), value)
            if metric.samples:
                yield metric
