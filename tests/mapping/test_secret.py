"""A secret is shown only where the code asks for its value."""

from __future__ import annotations

import copy
import json
import pickle
import traceback

import pytest

from etl.secret import Secret


def test_every_text_form_is_the_mask() -> None:
    """F2."""
    secret = Secret("hunter2")
    forms = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", "%s" % secret, "{}".format(secret)]  # noqa: UP031, UP032  # each way is a way out
    assert forms == ["********"] * 7
    assert repr({"key": [secret]}) == "{'key': [********]}"
    assert secret.reveal() == "hunter2"


def test_it_cannot_be_pickled_or_made_json() -> None:
    secret = Secret("hunter2")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    with pytest.raises(TypeError):
        vars(secret)


def test_a_copy_is_itself() -> None:
    """So that what holds it can be copied."""
    secret = Secret("hunter2")
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_is_equal_by_value() -> None:
    assert Secret("ä\ud800") == Secret("ä\ud800")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_a_traceback_with_locals_does_not_show_it() -> None:
    """F2: error reporters print local variables."""
    secret = Secret("hunter2")
    with pytest.raises(RuntimeError) as caught:
        _fail_with(secret)
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "secret = ********" in shown
    assert "RuntimeError: ********" in shown


def _fail_with(secret: Secret) -> None:
    raise RuntimeError(secret)
