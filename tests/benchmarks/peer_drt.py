"""drt-core doing the job, run by its own Python: a model in SQL, a batch template, its command line.

    python peer_drt.py DATABASE-URL SINK-URL BATCH-SIZE FOLDER [RECORDS-A-LOAD]

Without RECORDS-A-LOAD its `batch_size` is the request's size, as in its own examples. It opens a client for each of
those; with a larger number (`max_records_per_request` then cuts the requests) it opens fewer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

COLUMNS = """\
'CustomerUpdated' AS event, lower(trim(email)) AS email, trim(first_name) AS firstname, trim(last_name) AS lastname,
replace(locale, '_', '-') AS language, upper(currency) AS currency, {newsletter} AS newsletter,
{birthdate} AS birthdate, {value} AS custom_ltv, order_count AS custom_order_count, province AS custom_province,
id AS custom_customer_id, {moment} AS timestamp"""
DIALECTS = {
    "sqlite": {
        "newsletter": "CASE newsletter WHEN 1 THEN 'yes' WHEN 0 THEN 'no' END",
        "birthdate": "birthdate",
        "value": "lifetime_value",
        "moment": "replace(updated_at, ' ', 'T') || '+00:00'",
    },
    "postgresql": {
        "newsletter": "CASE WHEN newsletter THEN 'yes' WHEN NOT newsletter THEN 'no' END",
        "birthdate": "birthdate::text",
        "value": "lifetime_value::float8",
        "moment": "to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS') || '+00:00'",
    },
}
TEMPLATE = (
    '{"events":[{% for row in rows %}{{ dict(row.items() | rejectattr(1, "none")) | tojson_safe }}'
    '{{ "" if loop.last else "," }}{% endfor %}]}'
)


def profile(url: str) -> dict[str, object]:
    """The source's profile."""
    if url.startswith("sqlite"):
        return {"type": "sqlite", "database": url.removeprefix("sqlite:///")}
    address = urlsplit(url)
    return {
        "type": "postgres",
        "host": address.hostname,
        "port": address.port,
        "dbname": address.path.removeprefix("/"),
        "user": address.username,
        "password": "none",
    }


def sync(url: str, sink: str, batch_size: int, records_a_load: int) -> dict[str, object]:
    """The sync, from the beginning; JSON is YAML too."""
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    return {
        "name": "customers",
        "model": f"SELECT {COLUMNS.format(**DIALECTS[kind])} FROM customers ORDER BY updated_at, customers.id",
        "destination": {
            "type": "rest_api",
            "url": f"{sink}/v1/track",
            "method": "POST",
            "headers": {"Content-Type": "application/json", "X-AUTH-ACCOUNT": "1", "X-AUTH-APIKEY": "key"},
            "body_mode": "batch",
            "batch_template": TEMPLATE,
            "max_records_per_request": batch_size,
        },
        "sync": {
            "mode": "full",
            "batch_size": records_a_load,
            "rate_limit": {"requests_per_second": 1_000_000},
            "on_error": "fail",
        },
    }


def main() -> None:
    """Write the project, run it."""
    url, sink, batch_size, name, *more = sys.argv[1:]
    folder = Path(name)
    (folder / "syncs").mkdir(parents=True, exist_ok=True)
    (folder / ".drt").mkdir(exist_ok=True)
    (folder / "drt_project.yml").write_text(json.dumps({"name": "bench", "profile": "bench"}))
    (folder / ".drt" / "profiles.yml").write_text(json.dumps({"bench": profile(url)}))
    records = int(more[0]) if more else int(batch_size)
    (folder / "syncs" / "customers.yml").write_text(json.dumps(sync(url, sink, int(batch_size), records)))
    variables = {**os.environ, "HOME": str(folder), "DO_NOT_TRACK": "1", "DRT_TELEMETRY": "0"}
    command = [str(Path(sys.executable).with_name("drt")), "run"]
    raise SystemExit(subprocess.run(command, cwd=folder, env=variables, check=False).returncode)


if __name__ == "__main__":
    main()
