"""Warns if SQL that depends on the session's time zone gives other results here than in the shop's own programs.

`ordered_at::date`, `DATE()`, `NOW()` and comparisons of an instant with a local time depend on the session's zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from etl.errors import UsageProblem
from etl.source.session import is_utc, zone_of_server
from etl.source.source_parts import PreflightFinding, SourceParts

# SQL whose result depends on the session's zone.
_BY_ZONE = re.compile(
    r"::\s*(?:date|time|timestamp)\b|\b(?:date|date_trunc|date_part|extract|now|curdate|curtime|localtime\w*|current_\w+"
    r"|year|month|day|hour|cast|to_char|date_format)\s*\(|\bcurrent_(?:date|time|timestamp)\b|\blocaltime",
    re.IGNORECASE,
)


def session_zone(parts: SourceParts) -> Iterator[PreflightFinding]:
    """A warning when the server's zone is not UTC and the SQL depends on a zone, but the mapping names none."""
    plan = parts.plan
    computed = _computed(parts)
    if plan.session_timezone is not None or computed is None:
        return
    zone = _server_zone(parts)
    if zone is None:
        return
    yield PreflightFinding(
        "warning",
        "source.session_timezone",
        f"the server's zone is {zone}, but {computed} computes in UTC here: ::date, DATE(), NOW() and comparisons of "
        "instants with local times give other days and hours than for programs that leave the zone to the server",
        "source.session_timezone: server computes as they do; UTC keeps it as it is, and ends this warning",
    )


def _computed(parts: SourceParts) -> str | None:
    plan = parts.plan
    if plan.query is not None:
        return "the query"
    if not parts.relation.is_table:
        return f"the view {plan.table}"
    if plan.where is not None and _BY_ZONE.search(plan.where):
        return "source.where"
    return None


def _server_zone(parts: SourceParts) -> str | None:
    """The name of the server's own zone; None for UTC, and for a database whose sessions have no zone."""
    match parts.database.dialect:
        case "postgresql":
            asked = "SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'"
            ((name,),) = parts.database.read(sa.text(asked)).rows
            try:
                return None if is_utc(ZoneInfo(name)) else name
            except (ValueError, OSError, LookupError):
                return str(name)
        case "mysql" | "mariadb":
            ((found, system),) = parts.database.read(sa.text("SELECT @@global.time_zone, @@system_time_zone")).rows
            name = system if found == "SYSTEM" else found
            try:
                return None if is_utc(zone_of_server(found, system)) else name
            except UsageProblem:
                return str(name)
        case _:
            return None
