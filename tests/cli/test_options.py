"""A command's options stand in one declaration and one typed call, and the two have the same names."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.cli.commands import squeezely_etl
from etl.commands import (
    calls,
    checkpoint,
    deploy,
    explain,
    forget,
    init,
    moving,
    preview,
    run_examples,
    sandbox,
    schema,
    status,
    validate,
)

# By the command's words: the call with its options, or the function whose keywords they are.
CALLS: dict[str, type | Callable[..., Any]] = {
    "run": calls.RunCall,
    "backfill": calls.BackfillCall,
    "retry": calls.RetryCall,
    "preview": preview.PreviewCall,
    "explain": explain.explain_row,
    "forget": forget.ForgetCall,
    "status": status.StatusCall,
    "state show": checkpoint.show_state,
    "state set": checkpoint.set_state,
    "state reset": checkpoint.reset_state,
    "state adopt": moving.adopt_state,
    "state rename": moving.rename_state,
    "state drop": moving.drop_state,
    "state copy": moving.copy_state,
    "validate": validate.validate_all,
    "test": run_examples.run_and_show,
    "init": init.draft_mapping,
    "deploy": deploy.DeployCall,
    "schema": schema.write_schema,
    "sandbox": sandbox.SandboxCall,
}
# Arguments, and options that take effect when they are parsed.
ARGUMENTS = {"old", "new", "name", "source", "target", "mappings", "mapping", "key", "url", "table"}


def declared(words: str) -> set[str]:
    command: Any = squeezely_etl
    for word in words.split():
        command = command.commands[word]
    return {one.name for one in command.params if one.expose_value} - ARGUMENTS


def taken(call: type | Callable[..., Any]) -> set[str]:
    if dataclasses.is_dataclass(call):
        return {field.name for field in dataclasses.fields(call)}
    parameters = inspect.signature(call).parameters.values()
    return {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}


@pytest.mark.parametrize("words", CALLS)
def test_what_is_declared_is_what_is_taken(words: str) -> None:
    assert declared(words) == taken(CALLS[words])


def test_no_command_is_left_out() -> None:
    commands = {
        f"{name} {inner}".strip()
        for name, command in squeezely_etl.commands.items()
        for inner in getattr(command, "commands", {"": None})
    }
    assert commands == set(CALLS)


@pytest.mark.parametrize("words", ["run", "backfill", "retry", "forget"])
def test_what_a_call_leaves_out_is_what_the_option_leaves_out(words: str, tmp_path: Path) -> None:
    """`etl.run` says only what it wants to differ."""
    mapping = tmp_path / "m.yaml"
    mapping.touch()
    given = squeezely_etl.commands[words].make_context(words, [str(mapping)]).params
    call: Any = CALLS[words]
    assert dataclasses.asdict(call()) == {name: value for name, value in given.items() if name not in ARGUMENTS}
