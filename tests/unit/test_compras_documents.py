"""Documents of changes of purchases: their bytes, their keys, and the rule that each bad change breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_assets.compras.changes import Change, judge
from pipeline_assets.compras.documents import document, document_key
from pipeline_assets.compras.preview import EXAMPLE
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import StreamRecord, stream_records
from pipeline_assets.events.tenants import safe_name
from tests.worlds.compras import ORIGIN, TABLE, product, purchase, record

NOW = datetime(2025, 7, 13, 10, 30, 45, 123_000, tzinfo=UTC)


def read(raw: Any) -> StreamRecord:
    (found,), faults = stream_records({"Records": [raw]})
    assert not faults
    return found


def accepted(raw: Any) -> Change:
    change = judge(read(raw), TABLE)
    assert isinstance(change, Change), change
    return change


def rejected(raw: Any) -> RejectedChange:
    change = judge(read(raw), TABLE)
    assert isinstance(change, RejectedChange), change
    return change


def test_the_example_of_the_source_is_the_document_and_the_key_of_the_source() -> None:
    change = accepted(EXAMPLE["Records"][0])
    assert document_key(change) == "compras/empresa_postman/2025/07/13/insert_abc123_20250713_103045.json"
    assert document(change, ORIGIN, NOW).decode() == (
        '{"compra_id":"abc123","user_id":"user_id","tenant_id":"empresa_postman","fecha":"2025-07-13 10:30:00",'
        '"productos":[{"codigo":"PROD001","nombre":"Producto Test","precio_unitario":99.99,"cantidad":2}],'
        '"resumen":{"total_productos":1,"total_cantidad":2,"total_precio":199.98,"moneda":"USD"},'
        '"metadata":{"event_name":"INSERT","event_source":"aws:dynamodb","aws_region":"us-east-1",'
        '"processed_at":"2025-07-13T10:30:45.123Z","processed_by":"lambda-streams-actualizador-compras","stage":"dev"}}'
    )


@pytest.mark.parametrize(
    ("price", "quantity", "written", "total"),
    [
        ("0.1", "3", "0.1", "0.3"),
        ("1234567890123456789", "1", "1234567890123456789", "1234567890123456789"),
        ("0.005", "1", "0.005", "0"),
        ("0.015", "1", "0.015", "0.02"),
        ("1E+20", "1", "100000000000000000000", "100000000000000000000"),
        ("99999999999999999999999999999999999999", "0.5", "9" * 38, "49999999999999999999999999999999999999.5"),
        ("0", "1", "0", "0"),
    ],
    ids=["tenths", "nineteen digits", "half a cent", "one and a half cents", "exponent", "thirty-eight digits", "free"],
)
def test_numbers_are_written_to_their_last_digit(price: str, quantity: str, written: str, total: str) -> None:
    change = accepted(record(1, "INSERT", purchase("c", "t", "2026-11-20 09:30:00", product("P", price, quantity))))
    text = document(change, ORIGIN, NOW).decode()
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    assert f'"precio_unitario":{written},' in text
    assert found["resumen"]["total_precio"] == Decimal(total)


def test_a_removal_is_told_from_the_old_image() -> None:
    change = accepted(record(1, "REMOVE", purchase("c9", "t1", "2026-11-20 09:30:00")))
    assert document_key(change) == "compras/t1/2026/11/20/remove_c9_20261120_093000.json"
    assert json.loads(document(change, ORIGIN, NOW))["compra_id"] == "c9"


def test_a_purchase_of_nothing_is_one() -> None:
    item = purchase() | {"productos": {"L": []}}
    found = json.loads(document(accepted(record(1, "INSERT", item)), ORIGIN, NOW))
    assert (found["productos"], found["resumen"]["total_precio"]) == ([], 0)


def test_what_the_document_does_not_show_is_left_out() -> None:
    item = purchase() | {"tags": {"SS": ["a"]}, "photo": {"B": "AAEC"}, "more": {"M": {"x": {"M": {}}}}}
    found = json.loads(document(accepted(record(1, "INSERT", item)), ORIGIN, NOW))
    assert list(found) == ["compra_id", "user_id", "tenant_id", "fecha", "productos", "resumen", "metadata"]


def item(**attributes: Any) -> dict[str, Any]:
    """A purchase with other attributes; None leaves one out."""
    whole = purchase() | attributes
    return {name: value for name, value in whole.items() if value is not None}


def with_product(**attributes: Any) -> dict[str, Any]:
    whole = product()["M"] | attributes
    return item(productos={"L": [{"M": {name: value for name, value in whole.items() if value is not None}}]})


#: Digits, but none that a database would read.
WIDE = "\uff12\uff10\uff12\uff15-07-13 10:30:00"
BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no tenant": (item(tenant_id=None), "key", "no such attribute"),
    "tenant a number": (item(tenant_id={"N": "7"}), "key", "a number (N) '7'"),
    "tenant empty": (item(tenant_id={"S": ""}), "key", "an empty text"),
    "purchase null": (item(compra_id={"NULL": True}), "key", "a null (NULL)"),
    "purchase no attribute": (item(compra_id="c1"), "key", "what is no attribute"),
    "user a set": (item(user_id={"SS": ["a"]}), "user", "a set of texts (SS)"),
    "no fecha": (item(fecha=None), "fecha", "no such attribute"),
    "fecha in words": (item(fecha={"S": "yesterday"}), "fecha", "'yesterday'"),
    "fecha day first": (item(fecha={"S": "13/07/2025 10:30"}), "fecha", "'13/07/2025 10:30'"),
    "fecha no day": (item(fecha={"S": "2025-02-30 10:30:00"}), "fecha", "'2025-02-30 10:30:00'"),
    "fecha no hour": (item(fecha={"S": "2025-07-13 25:00:00"}), "fecha", "'2025-07-13 25:00:00'"),
    "fecha long ago": (item(fecha={"S": "0001-01-01 00:00:00"}), "fecha", "'0001-01-01 00:00:00'"),
    "fecha a number": (item(fecha={"N": "1752402645"}), "fecha", "a number (N) '1752402645'"),
    "fecha other digits": (item(fecha={"S": WIDE}), "fecha", f"'{WIDE}'"),
    "no products": (item(productos=None), "products", "no such attribute"),
    "products a map": (item(productos={"M": {}}), "products", "a map (M)"),
    "product a text": (item(productos={"L": [{"S": "bread"}]}), "products", "a text (S) 'bread'"),
    "no code": (with_product(codigo=None), "product_code", "no such attribute"),
    "name a number": (with_product(nombre={"N": "1"}), "product_name", "a number (N) '1'"),
    "no price": (with_product(precio_unitario=None), "price", "no such attribute"),
    "price a text": (with_product(precio_unitario={"S": "9.99"}), "price", "a text (S) '9.99'"),
    "price NaN": (with_product(precio_unitario={"N": "NaN"}), "price", "'NaN'"),
    "price infinite": (with_product(precio_unitario={"N": "Infinity"}), "price", "'Infinity'"),
    "price no text": (with_product(precio_unitario={"N": 9.99}), "price", "'9.99'"),
    "price below zero": (with_product(precio_unitario={"N": "-1"}), "price", "'-1'"),
    "price too long": (with_product(precio_unitario={"N": "1" * 39}), "price", "a number that DynamoDB cannot hold"),
    "price too large": (with_product(precio_unitario={"N": "1E+200"}), "price", "a number that DynamoDB cannot hold"),
    "no quantity": (with_product(cantidad=None), "quantity", "no such attribute"),
    "quantity zero": (with_product(cantidad={"N": "0"}), "quantity", "'0'"),
    "quantity below zero": (with_product(cantidad={"N": "-2"}), "quantity", "'-2'"),
    "quantity underscores": (with_product(cantidad={"N": "1_0"}), "quantity", "'1_0'"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_a_bad_change_is_rejected_with_what_was_found(case: tuple[dict[str, Any], str, str]) -> None:
    image, rule, found = case
    change = rejected(record(7, "INSERT", image))
    assert (change.rule, change.sequence_number) == (rule, "7")
    assert f": found {found}, expected " in change.reason
    assert change.new == image or rule == "key"


def test_a_change_without_its_image_or_of_another_table_is_rejected() -> None:
    bare = record(1, "INSERT", purchase())
    del bare["dynamodb"]["NewImage"]
    assert rejected(bare).rule == "image"
    removed = record(1, "REMOVE", purchase())
    removed["dynamodb"]["NewImage"] = removed["dynamodb"].pop("OldImage")
    assert rejected(removed).rule == "image"
    assert rejected(record(1, "UPSERT", purchase())).rule == "event_name"
    other = record(1, "INSERT", purchase())
    other["eventSourceARN"] = other["eventSourceARN"].replace(TABLE, "orders")
    assert rejected(other).rule == "of_this_table"
    assert rejected(record(1, "INSERT", purchase()) | {"eventSource": "aws:s3"}).rule == "of_this_table"
    swapped = record(1, "INSERT", purchase())
    swapped["dynamodb"]["Keys"] = {"tenant_id": {"S": "t2"}, "compra_id": {"S": "c1"}}
    assert rejected(swapped).rule == "key"


def test_a_card_number_is_masked_where_a_change_is_kept() -> None:
    change = rejected(record(1, "INSERT", with_product(nombre={"S": "paid 4111 1111 1111 1111"}, cantidad={"N": "0"})))
    assert "4111" not in str(change.new).replace("ending 1111", "")


FECHAS = ["2025-07-13 10:30:00", "2025-07-13T10:30:00", "2025-07-13T10:30:00.123Z", "2025-07-13", "2025-07-13 10:30"]


@pytest.mark.parametrize("fecha", [*FECHAS, "2025-07-13T10:30:00-05:00"])
def test_the_folder_is_the_day_that_the_shop_wrote(fecha: str) -> None:
    change = accepted(record(1, "INSERT", purchase("c", "t", fecha)))
    assert document_key(change).startswith("compras/t/2025/07/13/")
    assert json.loads(document(change, ORIGIN, NOW))["fecha"] == fecha


STRANGE = [
    *("a/b", "..", "../..", "x y", "\u00e9", "e\u0301", "\x00", "\n", "a.b", "\ud800", "🥖", "=", "%2F"),
    *("a" * 65, "b" * 1_000),
]


def test_strange_ids_are_safe_and_no_two_of_them_meet() -> None:
    names = [safe_name(text) for text in STRANGE]
    assert len(set(names)) == len(STRANGE)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") for name in names)
    assert all(len(name) <= 64 and ".." not in name for name in names)
    keys = {document_key(accepted(record(1, "INSERT", purchase(text, text)))) for text in STRANGE if text != "\ud800"}
    assert len(keys) == len(STRANGE) - 1
    assert max(len(key.encode()) for key in keys) < 1_024


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_texts_have_two_names(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)
    assert safe_name(safe_name(one)) == safe_name(one) or "." in safe_name(one)


@pytest.mark.parametrize(
    "event",
    [None, [], {}, {"Records": None}, {"Records": {}}, "Records", 7],
    ids=["nothing", "list", "empty", "null", "object", "text", "number"],
)
def test_what_is_no_event_of_a_stream_is_one_fault(event: object) -> None:
    records, (fault,) = stream_records(event)
    assert not records
    assert "found no list of Records" in fault.reason


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["S", "N", "L", "M", "SS", "B", "x"]), inner),
    max_leaves=5,
)
PLACES = [
    (),
    *(("eventID",), ("eventName",), ("eventSource",), ("awsRegion",), ("eventSourceARN",), ("dynamodb",)),
    *(("dynamodb", name) for name in ("SequenceNumber", "ApproximateCreationDateTime", "Keys", "NewImage", "OldImage")),
    *(("dynamodb", "NewImage", name) for name in ("tenant_id", "compra_id", "user_id", "fecha", "productos")),
    *(("dynamodb", "NewImage", "fecha", "S"), ("dynamodb", "NewImage", "productos", "L")),
    *(("dynamodb", "NewImage", "productos", "L", 0, "M", name) for name in ("codigo", "precio_unitario", "cantidad")),
    ("dynamodb", "NewImage", "productos", "L", 0, "M", "precio_unitario", "N"),
]


@given(ANYTHING, st.sampled_from(PLACES))
def test_with_anything_anywhere_it_is_a_record_or_a_fault_and_a_record_is_judged(
    what: Any, place: tuple[Any, ...]
) -> None:
    raw: Any = record(1, "INSERT", purchase())
    held = {"record": raw}
    inner: Any = held
    *way, last = ("record", *place)
    for step in way:
        inner = inner[step]
    inner[last] = what
    records, faults = stream_records({"Records": [held["record"]]})
    assert len(records) + len(faults) == 1
    for found in records:
        change = judge(found, TABLE)
        if isinstance(change, RejectedChange):
            json.dumps([change.keys, change.old, change.new])
        else:
            document(change, ORIGIN, NOW)


def test_by_hand_the_function_prints_the_documents_of_an_event(tmp_path: Path) -> None:
    script = Path(__file__).parents[2] / "lambdas" / "actualizar_compras_stream" / "actualizar_compras_stream.py"
    bad = tmp_path / "event.json"
    bad.write_text(json.dumps({"Records": [record(5, "INSERT", item(fecha=None)), "no record"]}))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("compras/empresa_postman/2025/07/13/insert_abc123_20250713_103045.json\n{")
    failed = subprocess.run([sys.executable, script, bad], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "attribute fecha: found no such attribute, expected a time" in failed.stdout
    assert "record 2: Expected `object`, got `str`" in failed.stdout
