"""A mapping with every feature becomes exactly these values."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pydantic
import pytest

from etl.errors import MappingInvalid
from etl.mapping.columns import child_columns_used, columns_used
from etl.mapping.load import load_mapping
from etl.mapping.model import (
    Destination,
    EventColumn,
    FieldRule,
    Mapping,
    MappingTest,
    Products,
    RateLimit,
    Retry,
    Source,
    Step,
)
from etl.secret import Secret
from tests.mapping.reading import KEY, mapping_of, read_file, small

EVERYTHING = """\
version: 1
name: every.thing-1
source:
  url: ${DB}
  query: |
    WITH o AS (SELECT *, 'a;b)' AS "odd;" FROM orders) -- all; of them (
    SELECT * FROM o;
  primary_key: [shop, number]
  cursor_field: revision
  where: status <> 'it''s (new' AND (total > 0)
  timezone: Europe/Amsterdam
  settle: 100
  lookback: 0
  on_null_cursor: skip
  page_size: 1
event: {column: event_name}
fields:
  email: {column: mail, transform: [strip, lower, sha256], required: true}
  custom_buyer: {column: customer, default: guest}
  language: {column: locale, map: {1: nl-NL, true: de-DE, "no": nb-NO}, on_invalid: omit}
  custom_tags: {column: tags, transform: ["split(';')", truncate(3)]}
  custom_note: {template: "{{{a}}} {b}!", empty: keep, type: text}
  custom_fixed: {value: [1, 2.5, true, "x", 12345678901234567.89]}
  timestamp: at
products:
  table: shop.lines
  match: {shop_id: shop, order_no: number}
  order_by: [line_no, sku]
  where: quantity > 0
  fields:
    id: {template: "{sku}/{size}", required: true}
    quantity: {value: 1}
    language: {parent: locale}
    price: {column: price, transform: [round(2)]}
resend: always
resend_ignores: [timestamp, products]
max_failure_rate: 2.5%
destination:
  url: HTTPS://API.example.com:8443/gate/
  account: 42
  api_key: ${file:/keys/one-break}
  batch_size: 50
  max_batch_bytes: 1MiB
  concurrency: 2
  rate_limit: {requests_per_second: 0.5, events_per_second: 20}
  retry: {max_attempts: 3, max_backoff: 1m30s, give_up_after: 2h}
  timeout: 1500ms
  ca_file: /keys/one-break
  proxy: true
tests:
  - name: one
    given: {mail: a@example.com, tags: null, n: 1.50}
    children: [{sku: a}, {sku: b}]
    expect: {email: a@example.com}
  - given: {}
    expect_problems: [missing_identity, invalid_email]
"""


def everything() -> Mapping:
    text = EVERYTHING.replace("HTTPS://API.example", "https://API.example")
    return mapping_of(text, environment={"DB": "postgresql+psycopg://u:p@h/db"})


def test_every_key_of_the_language_has_its_value() -> None:
    assert everything() == Mapping.model_construct(
        version=1,
        name="every.thing-1",
        path=Path("m.yaml"),
        warnings=(),
        source=Source(
            url=Secret("postgresql+psycopg://u:p@h/db"),
            table=None,
            query="WITH o AS (SELECT *, 'a;b)' AS \"odd;\" FROM orders) -- all; of them (\nSELECT * FROM o",
            primary_key=("shop", "number"),
            cursor_field="revision",
            where="status <> 'it''s (new' AND (total > 0)",
            timezone="Europe/Amsterdam",
            settle=100,
            lookback=0,
            on_null_cursor="skip",
            page_size=1,
        ),
        event=EventColumn(column="event_name"),
        fields={
            "email": FieldRule(column="mail", transform=(Step("strip"), Step("lower"), Step("sha256")), required=True),
            "custom_buyer": FieldRule(column="customer", default="guest"),
            "language": FieldRule(
                column="locale", map={"1": "nl-NL", "true": "de-DE", "no": "nb-NO"}, on_invalid="omit"
            ),
            "custom_tags": FieldRule(column="tags", transform=(Step("split", (";",)), Step("truncate", (3,)))),
            "custom_note": FieldRule(template="{{{a}}} {b}!", empty="keep", type="text"),
            "custom_fixed": FieldRule(value=[1, 2.5, True, "x", Decimal("12345678901234567.89")]),
            "timestamp": FieldRule(column="at"),
        },
        products=Products(
            table="shop.lines",
            match={"shop_id": "shop", "order_no": "number"},
            order_by=("line_no", "sku"),
            where="quantity > 0",
            fields={
                "id": FieldRule(template="{sku}/{size}", required=True),
                "quantity": FieldRule(value=1),
                "language": FieldRule(parent="locale"),
                "price": FieldRule(column="price", transform=(Step("round", (2,)),)),
            },
        ),
        resend="always",
        resend_ignores=("timestamp", "products"),
        max_failure_rate=0.025,
        destination=Destination(
            url="https://api.example.com:8443/gate",
            account="42",
            api_key=Secret(KEY),
            batch_size=50,
            max_batch_bytes=1_048_576,
            concurrency=2,
            rate_limit=RateLimit(requests_per_second=0.5, events_per_second=20.0),
            retry=Retry(max_attempts=3, max_backoff=timedelta(seconds=90), give_up_after=timedelta(hours=2)),
            timeout=timedelta(milliseconds=1500),
            ca_file=Path("/keys/one-break"),
            proxy=True,
        ),
        tests=(
            MappingTest(
                name="one",
                given={"mail": "a@example.com", "tags": None, "n": 1.5},
                children=({"sku": "a"}, {"sku": "b"}),
                expect={"email": "a@example.com"},
            ),
            MappingTest(given={}, expect_problems=("missing_identity", "invalid_email")),
        ),
    )


def test_the_columns_in_use_leave_out_key_and_cursor() -> None:
    assert columns_used(everything()) == ("event_name", "mail", "customer", "locale", "tags", "a", "b", "at")
    assert child_columns_used(everything()) == ("sku", "size", "price")


def test_what_is_left_out_has_the_documented_defaults() -> None:
    mapping = mapping_of(small())
    assert mapping.name == "m"
    assert mapping.source.settle is None
    assert mapping.source.lookback is None
    assert (mapping.source.on_null_cursor, mapping.source.page_size) == ("fail", 5000)
    assert (mapping.resend, mapping.resend_ignores, mapping.max_failure_rate) == ("changed", (), 0.05)
    assert mapping.products is None
    assert mapping.tests == ()
    assert mapping.destination == Destination(account="acc", api_key=Secret(KEY))
    assert mapping.destination.max_batch_bytes == 512 * 1024
    assert mapping.destination.retry == Retry(
        max_attempts=8, max_backoff=timedelta(seconds=60), give_up_after=timedelta(minutes=10)
    )
    assert mapping.destination.timeout == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("products", "parents", "children"),
    [
        ("{fields: {id: sku, quantity: n}}", ("email", "sku", "n"), ()),
        ("{column: items}", ("email", "items"), ()),
        ("{column: items, fields: {id: sku, language: {parent: locale}}}", ("email", "items", "locale"), ()),
        ("{table: t, match: {o: number}, fields: {id: sku}}", ("email", "number"), ("sku",)),
        ("{table: t, match: {o: id}, fields: {id: sku, name: {template: '{sku} {c}'}}}", ("email",), ("sku", "c")),
    ],
)
def test_products_have_three_forms(products: str, parents: tuple[str, ...], children: tuple[str, ...]) -> None:
    mapping = mapping_of(small(f"products: {products}"))
    assert columns_used(mapping) == parents
    assert child_columns_used(mapping) == children


@pytest.mark.parametrize(
    "url",
    [
        "https://api.squeezely.tech",
        "http://localhost:8765",
        "http://127.0.0.1:8765",
        "http://127.1.2.3",
        "http://[::1]:8765",
        "https://gateway.example.com/squeezely",
    ],
)
def test_an_address_may_be_https_or_loopback(url: str) -> None:
    """F7."""
    assert mapping_of(small().replace("account: acc", f'account: acc, url: "{url}"')).destination.url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "http://[::2]",
        "https://",
        "https:///path",
        "https://-a.example",
        "https://a.example:0",
        "https://a.example:",
        "https://a%2eexample",
        "https://ä.example",
        "https://a.example/ü",
        "https://a.example/%2e%2e",
        "https://a.example\n",
        "https://a.example\t",
        "//a.example",
        "ftp://a.example",
        "javascript:alert(1)",
        "https://a..example/..",
    ],
)
def test_an_address_that_two_parsers_could_read_differently_is_refused(url: str) -> None:
    """F7, F8, F9."""
    with pytest.raises(ValueError, match=r"address|port|https"):
        Destination(url=url)


def test_a_ca_file_is_looked_for_beside_the_mapping(tmp_path: Path) -> None:
    """E11: cron's working directory is not the mapping's."""
    (tmp_path / "ca.pem").write_bytes(b"-----")
    file = tmp_path / "m.yaml"
    file.write_text(small().replace("account: acc", "account: acc, ca_file: ca.pem"))
    mapping = load_mapping(file, environment={"KEY": KEY}, read_file=Path.read_bytes)
    assert mapping.destination.ca_file == tmp_path / "ca.pem"
    assert mapping.path == file


def test_a_mapping_cannot_be_changed() -> None:
    mapping = mapping_of(small())
    with pytest.raises(pydantic.ValidationError):
        mapping.name = "other"
    with pytest.raises(pydantic.ValidationError):
        mapping.source.page_size = 2


def test_no_form_of_a_mapping_shows_its_secrets() -> None:
    """F2."""
    mapping = mapping_of(small().replace("sqlite:////tmp/shop.sqlite", f"postgresql://u:{KEY}@h/db"))
    assert KEY not in f"{mapping!r} {mapping} {mapping.destination!r} {mapping.model_dump()}"


def test_a_file_that_cannot_be_read_is_a_mapping_problem() -> None:
    with pytest.raises(MappingInvalid) as caught:
        load_mapping(Path("shop/none.yaml"), environment={}, read_file=read_file)
    assert caught.value.message == "the mapping shop/none.yaml cannot be read: No such file or directory"
    assert caught.value.problems == ("shop/none.yaml:1:1  cannot be read: No such file or directory",)
    assert caught.value.hint == "give the path of a mapping file, such as mappings/customers.yaml"


def test_the_error_counts_its_problems() -> None:
    with pytest.raises(MappingInvalid) as caught:
        mapping_of(small(fields="a: b\nc: d"))
    assert caught.value.message == "the mapping m.yaml has 2 problems"


def test_a_file_name_that_names_no_checkpoint_asks_for_a_name() -> None:
    with pytest.raises(MappingInvalid) as caught:
        load_mapping(Path("-.yaml"), environment={"KEY": KEY}, read_file=lambda _: small().encode())
    assert caught.value.problems == (
        "-.yaml:1:1  name: is missing, and the file's own name cannot stand for it; write name: customers",
    )
