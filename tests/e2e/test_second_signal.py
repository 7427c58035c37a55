"""Who asks twice does not wait for the grace."""

from __future__ import annotations

import signal
import threading
from typing import Any

from tests.servers.scripted_server import Exchange, ScriptedServer


def test_a_second_signal_ends_the_process_at_once_and_loses_nothing(desk: Any) -> None:
    """E1, E3: no summary any more; what was accepted but not recorded goes out again, nothing else."""
    asked = threading.Event()

    def hang(exchange: Exchange) -> None:
        exchange.accept()
        asked.set()
        exchange.hang()

    desk.write_mapping(destination="  batch_size: 10\n  concurrency: 1\n  timeout: 1h")
    desk.fill(50)
    with ScriptedServer([None, hang], credentials=("shop-1", "key-of-the-shop")) as server:
        desk.api_url = server.url
        process = desk.start("run", str(desk.mapping), "-o", "json", "--start-from", "beginning")
        assert asked.wait(60)
        # Two different ones, because one that is pending is not pending twice.
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        out, _ = process.communicate(timeout=60)
        assert process.returncode in (143, 129)
        assert out == "", "a clean end would have waited for the answer, and told its books"
        again = desk.run()
        assert again.code == 0, again.err
        assert again.summary["sent"] == 40
        assert len(server.accepted) == 60
