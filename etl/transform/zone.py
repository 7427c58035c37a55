"""Datetimes without a zone, read in the zone that the mapping names.

The rule (RFC 5545, 3.3.5): a local time that happens twice is the first of the two; one that a summer-time night skips
is shifted forward by the length of the gap. Both are taken and reported as a doubt; neither ever fails.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from etl.transform.problem import DoubtfulValueError, RefusedValueError

_MOST_HOURS_REMEMBERED = 50_000


def written(moment: datetime) -> str:
    """An aware datetime in RFC 3339: seconds, or microseconds when there are any, with its offset."""
    offset = moment.utcoffset()
    assert offset is not None
    if offset.seconds % 60 or offset.microseconds:
        # Local mean time, as in Amsterdam until 1937, has seconds, which RFC 3339 cannot write.
        moment = moment.astimezone(UTC)
    return moment.isoformat()


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

    def write_all(self, naives: list[datetime]) -> tuple[list[object], list[int]]:
        """The texts of a column, and the rows that are left to `write`."""
        if self.is_utc:
            return [naive.isoformat() + "+00:00" for naive in naives], []
        results: list[object] = []
        odd: list[int] = []
        offsets = self._offsets
        if len(offsets) > _MOST_HOURS_REMEMBERED:
            offsets.clear()
        for row, naive in enumerate(naives):
            text = naive.isoformat()
            offset = offsets.get(text[:13])
            if offset is None:
                offset = offsets[text[:13]] = self._offset_of_hour(naive)
            if not offset:
                odd.append(row)
            results.append(text + offset)
        return results, odd

    def _offset_of_hour(self, naive: datetime) -> str:
        # "" when the hour has more than one offset, or an offset that is not whole minutes.
        if self.zone is None or not 1 < naive.year < 9999:
            return ""
        start = naive.replace(minute=0, second=0, microsecond=0, fold=0)
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
