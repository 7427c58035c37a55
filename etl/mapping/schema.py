"""The JSON Schema of a mapping file, for editors with a YAML language server and for checks in CI.

Made from the model and the catalogue, so it cannot promise what loading refuses. Draft 7, which every editor knows.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from etl.mapping.catalogue import FIELDS, IDENTITY_FIELDS, PRODUCT_FIELDS, ReceiverField
from etl.mapping.model import MappingFile

Schema = dict[str, Any]

_DIALECT = "http://json-schema.org/draft-07/schema#"
_FIELD, _PRODUCT_FIELD = "FieldRule", "ProductFieldRule"


def json_schema() -> Schema:
    """The schema as plain data, the same at each call, ready for `json.dumps`."""
    made = MappingFile.model_json_schema()
    definitions = made.pop("$defs")
    _tidy(made)
    for definition in definitions.values():
        _tidy(definition)
    definitions[_PRODUCT_FIELD] = copy.deepcopy(definitions[_FIELD])
    del definitions[_FIELD]["anyOf"][1]["properties"]["parent"]
    _exactly_one(definitions[_FIELD]["anyOf"][1], ("column", "value", "template"))
    _exactly_one(definitions[_PRODUCT_FIELD]["anyOf"][1], ("column", "value", "template", "parent"))
    _exactly_one(definitions["Source"], ("table", "query"))
    _exactly_one(definitions["MappingTest"], ("expect", "expect_problems"))
    _name_fields(made["properties"], FIELDS.values(), rule=_FIELD, custom=True)
    _allow_extra_fields(made)
    made["properties"]["fields"]["anyOf"] = [{"required": [name]} for name in IDENTITY_FIELDS]
    products = definitions["Products"]
    _name_fields(products["properties"], PRODUCT_FIELDS.values(), rule=_PRODUCT_FIELD, custom=False)
    products["properties"]["fields"]["required"] = ["id"]
    pairs = (["table", "column"], ["table", "query"], ["query", "column"])
    products["not"] = {"anyOf": [{"required": pair} for pair in pairs]}
    rows = {"anyOf": [{"required": ["table"]}, {"required": ["query"]}]}
    products["dependencies"] = dict.fromkeys(("match", "order_by", "where"), rows) | {
        "table": ["match"],
        "query": ["match"],
    }
    return {
        "$schema": _DIALECT,
        "title": "squeezely-etl mapping",
        **made,
        "$defs": dict(sorted(definitions.items())),
    }


def _name_fields(properties: Schema, known: Iterable[ReceiverField], *, rule: str, custom: bool) -> None:
    """Replaces "any name" in `fields` by the catalogue's, so that editors complete them and show their rules."""
    fields = properties["fields"]
    fields["properties"] = {field.name: {"$ref": f"#/$defs/{rule}", "description": _about(field)} for field in known}
    fields["additionalProperties"] = False
    if custom:
        fields["patternProperties"] = {
            "^custom_[A-Za-z0-9][A-Za-z0-9_]*$": {
                "$ref": f"#/$defs/{rule}",
                "description": "A custom field; it must exist in the account under this name, or it is dropped.",
            }
        }


def _allow_extra_fields(made: Schema) -> None:
    """With `extra_fields` any name may be a field; which of them, only loading can tell."""
    fields = made["properties"]["fields"]
    fields["additionalProperties"] = {"$ref": f"#/$defs/{_FIELD}", "description": "A field named in extra_fields."}
    names = {"anyOf": [{"enum": list(FIELDS)}, *({"pattern": one} for one in fields["patternProperties"])]}
    made["if"] = {"not": {"required": ["extra_fields"]}}
    made["then"] = {"properties": {"fields": {"propertyNames": names, "description": "Known names only."}}}


def _about(field: ReceiverField) -> str:
    needed = f" Needed for: {field.needed_for}." if field.needed_for else ""
    return f"{field.rule[:1].upper()}{field.rule[1:]} (type {field.type}).{needed}"


def _exactly_one(schema: Schema, keys: Iterable[str]) -> None:
    schema["oneOf"] = [{"required": [key]} for key in keys]


def _tidy(schema: Any) -> None:  # noqa: ANN401  # any part of a schema
    """Drops generated titles and null defaults, which editors would offer as values."""
    if isinstance(schema, list):
        for one in schema:
            _tidy(one)
    elif isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        if "default" in schema and (schema["default"] is None or schema["default"] == []):
            del schema["default"]
        for one in schema.values():
            _tidy(one)


def schema_text() -> str:
    """The JSON Schema of the mapping file, as it is printed and written."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
