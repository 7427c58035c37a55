"""A folder with two mappings, and `deploy` called over it as a person would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from etl.cli.boundary import run

MAPPING = """\
version: 1
name: {name}
source:
  url: ${{SHOP_DATABASE_URL}}
  table: customers
  primary_key: id
  cursor_field: updated_at
  timezone: UTC
event: CustomerUpdated
fields: {{email: email}}
destination:
  url: ${{SQUEEZELY_URL:-https://api.squeezely.tech}}
  account: "100"
  api_key: ${{file:/run/secrets/squeezely key}}
"""
SECRET = "a-value-that-must-not-be-printed"


@dataclass
class Printed:
    """What a call of `deploy` left."""

    code: int
    out: str
    err: str


@dataclass
class Office:
    """A folder whose name has a space and a percent sign, with mappings in it."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def mappings(self) -> Path:
        return self.folder / "mappings"

    def deploy(self, kind: str, *arguments: str) -> Printed:
        """Call `deploy`."""
        code = run(["deploy", kind, *arguments])
        return Printed(code, *self.capture.readouterr())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    """The folder is the current one, and the variables of the mappings are set to what must not be shown."""
    folder = tmp_path / "shop 100%"
    (folder / "mappings").mkdir(parents=True)
    for name in ("customers", "orders"):
        (folder / "mappings" / f"{name}.yaml").write_text(MAPPING.format(name=name))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SHOP_DATABASE_URL", SECRET)
    monkeypatch.setenv("SQUEEZELY_URL", SECRET)
    return Office(folder, capsys)
