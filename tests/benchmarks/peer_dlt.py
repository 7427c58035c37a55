"""dlt doing the job, run by its own Python: its SQL source, a function a row, a destination of its own.

python peer_dlt.py DATABASE-URL SINK-URL BATCH-SIZE FOLDER
"""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

URL, SINK, BATCH_SIZE, FOLDER = sys.argv[1:5]
os.environ |= {
    "HOME": FOLDER,
    "DLT_DATA_DIR": FOLDER,
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
}

import dlt  # noqa: E402 - it reads its settings when it is imported
import orjson  # noqa: E402
import requests  # noqa: E402
from dlt.sources.sql_database import sql_table  # noqa: E402

session = requests.Session()
session.headers.update({"Content-Type": "application/json", "X-AUTH-ACCOUNT": "1", "X-AUTH-APIKEY": "key"})


def event_of(row: dict[str, Any]) -> dict[str, Any]:
    """The row as an event; key and cursor keep their names, because dlt looks for them after this function."""
    return {
        "event": "CustomerUpdated",
        "email": row["email"].strip().lower(),
        "firstname": row["first_name"].strip(),
        "lastname": row["last_name"].strip(),
        "language": row["locale"] and row["locale"].replace("_", "-"),
        "currency": row["currency"].upper(),
        "newsletter": row["newsletter"],
        "birthdate": row["birthdate"],
        "custom_ltv": float(row["lifetime_value"]),
        "custom_order_count": row["order_count"],
        "custom_province": row["province"],
        "id": row["id"],
        "updated_at": row["updated_at"],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return value.isoformat() if isinstance(value, date) else value


@dlt.destination(
    batch_size=int(BATCH_SIZE), loader_file_format="typed-jsonl", name="sink", skip_dlt_columns_and_tables=True
)
def sink(items: list[dict[str, Any]], table: Any) -> None:
    """Send one request."""
    events = []
    for item in items:
        event = {name: _plain(value) for name, value in item.items() if value is not None}
        event["custom_customer_id"] = event.pop("id")
        event["timestamp"] = event.pop("updated_at")
        events.append(event)
    session.post(f"{SINK}/v1/track", data=orjson.dumps({"events": events})).raise_for_status()


def main() -> None:
    """Run the pipeline from the beginning."""
    rows = sql_table(
        credentials=URL, table="customers", chunk_size=5000, incremental=dlt.sources.incremental("updated_at")
    )
    pipeline = dlt.pipeline("bench", destination=sink, pipelines_dir=str(Path(FOLDER) / "pipelines"))
    pipeline.run(rows.add_map(event_of)).raise_on_failed_jobs()


if __name__ == "__main__":
    main()
