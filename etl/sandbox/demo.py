"""`make demo`: a web shop's database, the sandbox, and the whole job at work, in one terminal.

The rule: it shows the real commands, ends 0 only when the sandbox counted exactly what the runs say they sent, and
leaves nothing running. A number as its argument makes a shop of so many customers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

from etl.sandbox.serve import running
from etl.sandbox.shop import build_shop, change_shop

FOLDER = Path(".demo")
CUSTOMERS = 20_000
# The first of the shop's broken rows.
BROKEN_CUSTOMER = "41"
MAPPINGS = ("mappings/customers.yaml", "mappings/orders.yaml")
# The demo must not take its time from the throttle; a real account's limits stand in the mapping.
FAST = {"SQUEEZELY_REQUESTS_PER_SECOND": "400", "SQUEEZELY_EVENTS_PER_SECOND": "40000"}


def main(customers: int = CUSTOMERS) -> int:
    """Run the demo with a shop of so many `customers`; returns the exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    shop = FOLDER / "shop.sqlite"
    say("1. A web shop's database", f"{shop}: {customers:,} customers, their orders and order lines")
    build_shop(shop, customers=customers)
    with running() as url:
        environment = {
            **os.environ,
            **FAST,
            "SHOP_DATABASE_URL": f"sqlite:///{shop}",
            "SQUEEZELY_URL": url,
            "SQUEEZELY_ACCOUNT": "SQ-12345",
            "SQUEEZELY_API_KEY": "demo-key",
            "SQUEEZELY_ETL_STATE": str(FOLDER / "state.sqlite"),
        }
        say("2. The sandbox stands in for the API", f"open {url} to see what arrives")
        say("3. Are the mappings right?")
        command(["validate", *MAPPINGS, "--connect"], environment)
        say("4. What would be sent? Nothing leaves yet")
        command(["preview", MAPPINGS[0], "--limit", "2"], environment)
        say("5. The first run, from the beginning", "a few broken rows are in the data on purpose")
        sent = run(["--start-from", "beginning"], environment)
        changed = change_shop(shop)
        say("6. A day of business", changes(changed))
        say("7. The next night: only what changed goes out")
        sent += run([], environment)
        say("8. The morning after: how was the night?")
        command(["status", *MAPPINGS], environment)
        say(f"9. And what happened to customer {BROKEN_CUSTOMER}?")
        command(["explain", MAPPINGS[0], BROKEN_CUSTOMER], environment)
        with urllib.request.urlopen(f"{url}/sandbox/stats", timeout=10) as answer:  # noqa: S310 - loopback, our own server
            accepted = json.load(answer)["accepted"]
        wait_for_the_reader(url)
    say("10. The count", f"the runs say they sent {sent:,}; the sandbox accepted {accepted:,}")
    if sent != accepted:
        print("The counts differ: this is a bug.", file=sys.stderr)  # noqa: T201
        return 1
    print("They agree. Your own database next: see the README.")  # noqa: T201
    return 0


def changes(changed: dict[str, int]) -> str:
    """What a day changed, for people; `changed` is what `change_shop` returns."""
    words = {"changed": "changed", "inserted": "new", "touched": "only touched"}
    return "; ".join(
        f"{table}: "
        + ", ".join(
            f"{changed[f'{table}_{what}']} {word}" for what, word in words.items() if changed.get(f"{table}_{what}")
        )
        for table in ("customers", "orders")
    )


def wait_for_the_reader(url: str) -> None:
    """Wait for Enter, so that the page can be looked at; without a terminal go on at once."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        # Ctrl-D closes the terminal's input: as good as Enter.
        with suppress(EOFError):
            input(f"\n   {url} shows all of it. Press Enter to go on. ")


def say(title: str, detail: str = "") -> None:
    """Print a step's title, and a line on what it is about."""
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("", "")
    print(f"\n{bold}{title}{plain}" + (f"\n   {detail}" if detail else ""), flush=True)  # noqa: T201


def command(arguments: list[str], environment: dict[str, str], *, fine: tuple[int, ...] = (0,)) -> None:
    """Show and run one command of the product; ends the demo when its exit code is not in `fine`."""
    print(f"   $ squeezely-etl {' '.join(arguments)}\n", flush=True)  # noqa: T201
    ended = subprocess.run([sys.executable, "-m", "etl", *arguments], env=environment, check=False)  # noqa: S603
    if ended.returncode not in fine:
        sys.exit(f"the command ended with {ended.returncode}")


def run(options: list[str], environment: dict[str, str]) -> int:
    """Run both mappings and show the summaries; returns how many events they say they sent."""
    before = _sent(environment)
    # 3: done, but some rows are invalid. The demo's broken rows are meant to be.
    command(["run", *MAPPINGS, *options], environment, fine=(0, 3))
    return _sent(environment) - before


def _sent(environment: dict[str, str]) -> int:
    asked = [sys.executable, "-m", "etl", "status", "--history", "100", "-o", "json"]
    ended = subprocess.run(asked, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return sum(one["summary"]["sent"] for line in lines for one in line["runs"])


if __name__ == "__main__":
    try:
        sys.exit(main(*map(int, sys.argv[1:])))
    except KeyboardInterrupt:
        sys.exit(130)
