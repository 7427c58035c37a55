"""Draws the README's picture, `picture.svg` beside this file, from real commands at the demo's shop: `make picture`."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from etl.sandbox.demo import FAST
from etl.sandbox.serve import running
from etl.sandbox.shop import build_shop, change_shop

ROOT = Path(__file__).parents[2]
PICTURE = Path(__file__).with_name("picture.svg")
COLUMNS = 110
MAPPING = "mappings/customers.yaml"
COMMANDS = (("preview", MAPPING, "--limit", "1"), ("run", MAPPING), ("status", MAPPING))


def on_a_terminal(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    """What `squeezely-etl` shows a person, colours included, less what the progress bar drew over."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        cwd=ROOT,
        env=environment | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": "60"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ):
        os.close(theirs)
        shown = io.BytesIO()
        try:
            while piece := os.read(ours, 65536):
                shown.write(piece)
        except OSError:
            pass  # Linux says so when the other side is closed
        os.close(ours)
    return shown.getvalue().decode().replace("\r\n", "\n")


def main() -> None:
    """Write the picture anew."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as folder, running() as url:
        shop = Path(folder) / "shop.sqlite"
        build_shop(shop, customers=2000)
        environment = {
            **os.environ,
            **FAST,
            "SHOP_DATABASE_URL": f"sqlite:///{shop}",
            "SQUEEZELY_URL": url,
            "SQUEEZELY_ACCOUNT": "SQ-12345",
            "SQUEEZELY_API_KEY": "demo-key",
            "SQUEEZELY_ETL_STATE": str(Path(folder) / "state.sqlite"),
        }
        on_a_terminal(("run", MAPPING, "--start-from", "beginning"), environment)
        change_shop(shop)
        for arguments in COMMANDS:
            console.print(Text(f"$ squeezely-etl {' '.join(arguments)}", style="bold"))
            said = on_a_terminal(arguments, environment)
            said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8765", said).replace(folder, "").strip("\n")
            console.print(Text.from_ansi(said))
            console.print()
    # Without the fonts that rich would fetch from elsewhere.
    drawn = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", console.export_svg(title="squeezely-etl"))
    PICTURE.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
