"""The JSON Schema is current, describes everything, and agrees with the loader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from etl.mapping.catalogue import FIELDS, PRODUCT_FIELDS, STEPS, TYPES
from etl.mapping.schema import json_schema
from etl.mapping.yaml_reader import read_yaml
from tests.mapping.reading import small
from tests.mapping.test_model import EVERYTHING
from tests.mapping.test_wrong_mappings import TABLE, wrong

MAPPINGS = Path(__file__).parents[2] / "mappings"
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)

# What needs several places at once, the meaning of a text, the environment, or the YAML itself: only loading sees it.
BEYOND_A_SCHEMA = """
account empty; account with a space; extra field that is not listed; extra field with a section of its own;
extra field with spaces; several languages and no language; several languages and none in products; several currencies
and no currency; address with a space; address with a wrong port; address with dots; alias and
anchor; backslash in the address; bytes too few; ca file missing; cursor descending; custom names collide; custom
too long; duplicate key; duplicate section; event empty; event too long; exponent too large; file missing; file
relative; fragment in the address; half a surrogate; key file not text; key is a list; key with a space; key with
two line breaks; map from nothing; number too long; parent in the row's own product; plain http; product fields
missing; query in the address; query is no select; query of two statements; query with an open parenthesis; resend
always with lookback; resend always without lookback; resend_ignores unknown; secret in the wrong place; statement
as table; step unknown; step date with unknown directive; step date without directive; step replacing nothing; step
with a text for a number; step with an open quote; step with zero; step without its argument; tag; template closed;
template open; template with a format; template with an attribute; template with spaces; test of a field that is not
mapped; test with children but no table; timeout zero; timezone unknown; url is no url; user name in the address;
value infinite; variable empty; variable empty with a message; variable malformed; variable not closed; variable
unset; variable unset with a message; where with a parenthesis too many; where with a semicolon; where with an open
quote; where with the word
"""
ONLY_LOADING = {name.strip() for name in BEYOND_A_SCHEMA.replace("\n", " ").split(";")}


def test_the_schema_beside_the_mappings_is_current() -> None:
    """Rewrite it with: squeezely-etl schema > mappings/mapping.schema.json."""
    kept = (MAPPINGS / "mapping.schema.json").read_text(encoding="utf-8")
    assert kept == json.dumps(SCHEMA, indent=2, ensure_ascii=False) + "\n"


def test_the_schema_is_a_schema_and_the_same_at_each_call() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert json.dumps(json_schema()) == json.dumps(SCHEMA)


@pytest.mark.parametrize("file", sorted(MAPPINGS.glob("*.yaml")), ids=lambda file: file.name)
def test_the_shipped_mappings_follow_it(file: Path) -> None:
    document = read_yaml(file.read_bytes())
    assert list(VALIDATOR.iter_errors(document.data)) == []
    assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=./mapping.schema.json\n")


@pytest.mark.parametrize("text", [EVERYTHING, small(), *TABLE["right"].values()])
def test_what_loads_follows_it(text: str) -> None:
    data = read_yaml(text.replace("HTTPS:", "https:").encode()).data
    assert [one.message for one in VALIDATOR.iter_errors(data)] == []


@pytest.mark.parametrize("case", TABLE["wrong"], ids=lambda case: case["name"])
def test_an_editor_sees_every_mistake_that_a_schema_can_see(case: dict[str, Any]) -> None:
    document = read_yaml(wrong(case).encode())
    seen = document.data is None or not VALIDATOR.is_valid(document.data)
    assert seen or case["name"] in ONLY_LOADING


def test_the_list_of_what_only_loading_sees_holds_nothing_else() -> None:
    names = {case["name"] for case in TABLE["wrong"]}
    assert names >= ONLY_LOADING


def properties(schema: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for key in ("properties", "patternProperties"):
            found = schema.get(key)
            if isinstance(found, dict):
                yield from ((f"{path}.{name}", one) for name, one in found.items())
        for key, one in schema.items():
            yield from properties(one, f"{path}.{key}")
    elif isinstance(schema, list):
        for one in schema:
            yield from properties(one, path)


def test_every_property_has_a_description() -> None:
    found = list(properties(SCHEMA))
    assert len(found) > 90
    assert [path for path, one in found if not one.get("description")] == []


def test_an_editor_completes_fields_types_steps_and_events() -> None:
    rule = SCHEMA["$defs"]["FieldRule"]["anyOf"][1]["properties"]
    assert set(SCHEMA["properties"]["fields"]["properties"]) == set(FIELDS)
    assert set(SCHEMA["$defs"]["Products"]["properties"]["fields"]["properties"]) == set(PRODUCT_FIELDS)
    assert rule["type"]["enum"] == list(TYPES)
    steps = rule["transform"]["items"]["anyOf"]
    assert {one["const"] for one in steps if "const" in one} == {
        name for name, step in STEPS.items() if not step.parameters
    }
    assert "parent" not in rule


@pytest.mark.parametrize("step", [rule.example for rule in STEPS.values()])
def test_the_example_of_every_step_follows_it(step: str) -> None:
    data = yaml.safe_load(small().replace("version: 1", 'version: 1\nname: "a"'))
    data["fields"]["city"] = {"column": "a", "transform": [step]}
    assert list(VALIDATOR.iter_errors(data)) == []
