"""What `validate` says of wrong mappings, unreachable databases and refused keys, whole."""

from __future__ import annotations

import socket
from typing import Any

from etl.sandbox.faults import SandboxSettings
from etl.sandbox.serve import running
from etl.secret import Secret


def test_everything_that_can_be_wrong_with_a_mapping(transcript: Any) -> None:
    office = transcript.office
    office.fill(5)
    good = office.mapping.read_text()
    transcript.type("validate", "people.yaml")
    transcript.type("validate", "people.yaml", "--connect")
    office.mapping.write_text(
        good.replace("firstname:", "firstnam:").replace("page_size: 500", "page_sice: 500").replace("0s", "soon")
    )
    transcript.type("validate", "people.yaml")
    office.mapping.write_text("version: 1\nsource: [")
    transcript.type("validate", "people.yaml")
    office.mapping.write_text(good.replace("${API_KEY}", "${NOT_SET}"))
    transcript.type("validate", "people.yaml")
    transcript.type("run", "people.yaml")
    office.mapping.write_text(good.replace("firstname: name", "firstname: nane"))
    transcript.type("validate", "people.yaml", "--connect")
    with socket.socket() as closed, running(SandboxSettings(account="shop-1", api_key=Secret("another"))) as url:
        closed.bind(("127.0.0.1", 0))
        office.database_url = f"postgresql://reader:word@127.0.0.1:{closed.getsockname()[1]}/shop"
        office.api_url = url
        office.mapping.write_text(good)
        transcript.type("validate", "people.yaml", "--connect", "-q")
    transcript.compare("validate")
