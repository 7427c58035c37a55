"""The naive script: what one writes in an afternoon with pandas and httpx.

`read_sql` of the whole table, column operations, `to_dict`, one request after another. Numbers pass through pandas'
types; a failure loses the place.

    python naive.py DATABASE-URL SINK-URL BATCH-SIZE
"""

from __future__ import annotations

import sys

import httpx
import pandas as pd
import sqlalchemy as sa

HEADERS = {"X-AUTH-ACCOUNT": "1", "X-AUTH-APIKEY": "key"}


def send_all(url: str, sink: str, batch_size: int) -> None:
    """Read, convert and send everything."""
    frame = pd.read_sql("SELECT * FROM customers ORDER BY updated_at, id", sa.create_engine(url))
    moments = pd.to_datetime(frame["updated_at"])
    events = pd.DataFrame(
        {
            "event": "CustomerUpdated",
            "email": frame["email"].str.strip().str.lower(),
            "firstname": frame["first_name"].str.strip(),
            "lastname": frame["last_name"].str.strip(),
            "language": frame["locale"].str.replace("_", "-"),
            "currency": frame["currency"].str.upper(),
            "newsletter": frame["newsletter"].astype(object).map({True: "yes", False: "no"}),
            "birthdate": frame["birthdate"].map(str, na_action="ignore"),
            "custom_ltv": frame["lifetime_value"].astype(float),
            "custom_order_count": frame["order_count"],
            "custom_province": frame["province"],
            "custom_customer_id": frame["id"],
            "timestamp": moments.dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        }
    )
    records = events.astype(object).to_dict("records")
    with httpx.Client(base_url=sink, headers=HEADERS) as client:
        for at in range(0, len(records), batch_size):
            batch = [
                {name: value for name, value in record.items() if not pd.isna(value)}
                for record in records[at : at + batch_size]
            ]
            client.post("/v1/track", json={"events": batch}).raise_for_status()


if __name__ == "__main__":
    send_all(sys.argv[1], sys.argv[2], int(sys.argv[3]))
