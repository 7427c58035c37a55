"""Datetimes without a zone, read in the zone that the mapping names.

The rule (RFC 5545, 3.3.5): a local time that happens twice is the first of the two; one that a summer-time night skips
is shifted forward by the length of the gap. Both are taken and reported as a doubt; neither ever fails.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from etl.transform.cells import Cells
from etl.transform.problem import DoubtfulValueError, RefusedValueError

_MOST_HOURS_REMEMBERED = 50_000
# Fewer are written one by one, without waiting for pandas to be loaded.
_FEW = 100
# What drivers put into values that are in UTC.
UTC_ZONES: frozenset[object] = frozenset({UTC, ZoneInfo("UTC"), ZoneInfo("Etc/UTC")})


def written(moment: datetime) -> str:
    """An aware datetime in RFC 3339: whole seconds, with its offset."""
    offset = moment.utcoffset()
    assert offset is not None
    if offset.seconds % 60 or offset.microseconds:
        # Local mean time, as in Amsterdam until 1937, has seconds, which RFC 3339 cannot write.
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds")


def with_utc(texts: list[str]) -> list[Any]:
    """The texts with the offset of UTC."""
    return [text + "+00:00" for text in texts]


def iso_texts(moments: Cells) -> list[str]:
    """As `written` without the offset, for datetimes all in UTC or without a zone; in half the time."""
    if len(moments.items) < _FEW:
        return [moment.replace(tzinfo=None).isoformat(timespec="seconds") for moment in moments.items]
    import numpy as np
    import pandas as pd

    seconds = np.array([f":{second:02}" for second in range(60)], dtype=object)
    exact = pd.to_datetime(moments.series, utc=True, cache=False).to_numpy(dtype="datetime64[us]").astype(np.int64)
    minutes, second = np.divmod(exact // 1_000_000, 60)
    # Rows that follow each other in time share their minutes, so that few have to be written.
    distinct, at = np.unique(minutes, return_inverse=True)
    shown = np.datetime_as_string(distinct.astype("datetime64[m]"), unit="m").astype(object)
    texts: list[str] = (shown[at] + seconds[second]).tolist()
    return texts


class LocalTime:
    """Writes naive datetimes as RFC 3339 in the zone `name`; without a name every one is refused."""

    def __init__(self, name: str | None) -> None:
        self.zone = None if name is None else ZoneInfo(name)
        self.is_utc = name is not None and name.upper() in {"UTC", "ETC/UTC", "ZULU", "UCT", "GMT", "ETC/GMT"}
        # The offset of each hour that has only one, by the first 13 characters of the datetime.
        self._offsets: dict[str, str] = {}

    def aware(self, naive: datetime) -> tuple[datetime, tuple[str, str] | None]:
        """The aware datetime, and the code and words of the doubt if there is one.

        Raises RefusedValueError (missing_timezone) and OverflowError (the calendar's ends).
        """
        if self.zone is None:
            raise RefusedValueError("missing_timezone", "a datetime without a zone, and source.timezone is not set")
        first = naive.replace(tzinfo=self.zone, fold=0)
        second = naive.replace(tzinfo=self.zone, fold=1)
        before, after = first.utcoffset(), second.utcoffset()
        assert before is not None
        assert after is not None
        if before == after:
            return first, None
        if before > after:
            return first, ("ambiguous_time", "a local time that happened twice; the first was taken")
        # Read with the offset from before the gap, and seen again by the clock after it.
        shifted = (naive - before).replace(tzinfo=UTC).astimezone(self.zone)
        return shifted, ("nonexistent_time", "a local time that summer time skipped; it was shifted forward")

    def write(self, naive: datetime) -> str:
        """The text. Raises RefusedValueError (missing_timezone, not_a_datetime) and DoubtfulValueError."""
        try:
            moment, doubt = self.aware(naive)
            text = written(moment)
        except OverflowError:
            raise RefusedValueError("not_a_datetime", "the time lies outside of the years 1 to 9999") from None
        if doubt is None:
            return text
        raise DoubtfulValueError(text, *doubt)

    def write_all(self, texts: list[str]) -> tuple[list[Any], list[int]]:
        """A column of naive datetimes (as `iso_texts`) with their offsets, and the rows that are left to `write`."""
        if self.is_utc:
            return with_utc(texts), []
        offsets = self._offsets
        if len(offsets) > _MOST_HOURS_REMEMBERED:
            offsets.clear()
        results: list[Any] = []
        odd: list[int] = []
        for row, text in enumerate(texts):
            offset = offsets.get(text[:13])
            if offset is None:
                offset = offsets[text[:13]] = self._offset_of_hour(datetime.fromisoformat(text[:13]))
            if not offset:
                odd.append(row)
            results.append(text + offset)
        return results, odd

    def _offset_of_hour(self, start: datetime) -> str:
        # "" when the hour has more than one offset, or an offset that is not whole minutes.
        if self.zone is None or not 1 < start.year < 9999:
            return ""
        seen = {
            moment.replace(tzinfo=self.zone, fold=fold).utcoffset()
            for moment in (start, start + timedelta(hours=1))
            for fold in (0, 1)
        }
        (offset, *others) = seen
        assert offset is not None
        if others or offset.seconds % 60:
            return ""
        return start.replace(tzinfo=self.zone).isoformat()[19:]
