"""Whatever bytes a file holds, loading gives a mapping or its problems, and nothing else. F14.

At least 20,000 documents: noise, valid documents with a part broken, and documents made of the language's own words.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import MappingInvalid
from etl.mapping.catalogue import FIELDS, STEPS, TYPES
from tests.mapping.reading import mapping_of, small
from tests.mapping.test_model import EVERYTHING

SEEDS = (
    small().encode(),
    EVERYTHING.encode(),
    *(file.read_bytes() for file in sorted((Path(__file__).parents[2] / "mappings").glob("*.yaml"))),
)
SIGNS = b"{}[]:,-?&*!|>'\"%@`#$~\n\t \\0123456789.eE+_\x00\x07\x1b\x85\xa0\xc3\xff"
TOKENS = (
    "null", "~", "true", "no", ".inf", "-.nan", "0x1F", "1e999", "9" * 30, "${", "${KEY}", "${NONE}", "${file:/x}",
    "$$", "{a: b}", "[a, [b]]", "[]", "{}", "''", '"\\ud800"', '"\\UFFFFFFFF"', "!!python/name:os.system", "&a b", "*a",
    "<<: {a: b}",
    "\t", "---", "...", "%YAML 1.1", "? a", "|", ">-", "- - -", "strip", "truncate(",
    "{column}", "\u202e", "\x85", "é", "😀", "{" * 60,
)  # fmt: skip
DOCUMENTS_EACH = 500


def load(content: bytes) -> None:
    try:
        mapping = mapping_of(content)
    except MappingInvalid as error:
        problems = error.problems
    else:
        assert mapping.fields
        return
    assert problems
    for line in problems:
        assert line.startswith("m.yaml:")
        assert line.isprintable()
        assert len(line) < 600


def broken(dice: random.Random, seed: bytes) -> bytes:
    content = bytearray(seed)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(content) + 1)
        match dice.randrange(7):
            case 0:
                content[at : at + 1] = bytes([dice.choice(SIGNS)])
            case 1:
                del content[at : at + dice.randint(1, 40)]
            case 2:
                content[at:at] = dice.choice(TOKENS).encode("utf-8", "surrogatepass")
            case 3:
                content[at:at] = content[at : at + dice.randint(1, 200)]
            case 4:
                other = dice.randrange(len(content) + 1)
                content[at : at + 20] = content[other : other + 20]
            case 5:
                content = bytearray(_swap_value(dice, bytes(content)))
            case _:
                del content[at:]
                content += dice.choice(TOKENS).encode("utf-8", "surrogatepass")
        if not content:
            return b""
    return bytes(content)


def _swap_value(dice: random.Random, content: bytes) -> bytes:
    """One line's value replaced by a token, which keeps the document's shape and gets past the YAML."""
    lines = content.split(b"\n")
    at = dice.randrange(len(lines))
    key, colon, _ = lines[at].partition(b": ")
    if colon:
        lines[at] = key + colon + dice.choice(TOKENS).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_broken_documents_give_only_problems(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(DOCUMENTS_EACH):
        load(broken(dice, dice.choice(SEEDS)))


@pytest.mark.parametrize("seed", range(4))
def test_noise_gives_only_problems(seed: int) -> None:
    dice = random.Random(1000 + seed)
    for _ in range(DOCUMENTS_EACH):
        size = dice.randint(0, 60)
        load(dice.randbytes(size) if dice.random() < 0.3 else bytes(dice.choices(SIGNS, k=size)))


_WORDS = st.sampled_from([
    "version", "name", "source", "event", "fields", "products", "resend", "resend_ignores", "max_failure_rate",
    "destination", "tests", "url", "table", "query", "primary_key", "cursor_field", "where", "timezone", "settle",
    "lookback", "column", "value", "template", "parent", "type", "transform", "map", "default", "required",
    "on_invalid", "empty", "match", "order_by", "account", "api_key", "rate_limit", "retry", "timeout", "ca_file",
    "given", "expect", "expect_problems", "children", "custom_a", "custom_A", *FIELDS,
])  # fmt: skip
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    _WORDS,
    st.sampled_from([*TYPES, *STEPS, *TOKENS, "60s", "5%", "1MiB", "always", "changed", "omit", "${KEY}"]),
)
_DATA = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.dictionaries(_WORDS, _DATA, max_size=8))
def test_documents_of_the_language_own_words_give_only_problems(data: dict[str, object]) -> None:
    load(yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(["source", "fields", "products", "destination", "event", "tests"]), _DATA))
def test_a_right_mapping_with_a_section_replaced_gives_only_problems(data: dict[str, object]) -> None:
    whole = yaml.safe_load(small()) | data
    load(yaml.safe_dump(whole, allow_unicode=True).encode("utf-8", "surrogatepass"))
