"""Changes of purchases from their stream to documents: each once, however often it is delivered, whoever dies where."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.cli.main import app
from pipeline_assets.compras.changes import judge
from pipeline_assets.compras.documents import EVENT_ID, SEQUENCE_NUMBER, document_key
from pipeline_assets.compras.ingest import COMPRAS_FLOW, DOCUMENTS, LANDED, TENANTS
from pipeline_assets.errors import TransientError
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.operations.access import Access
from tests.worlds.compras import TABLE, Purchases, product, purchase, record
from tests.worlds.examples import examples
from tests.worlds.mortality import DeadError, Fate
from tests.worlds.stack import RunningStack
from tests.worlds.waiting import until

DAY = "2026-11-20"


@pytest.fixture
def purchases(bare_cloud: Access) -> Purchases:
    return Purchases.new(bare_cloud)


def documents(world: Purchases) -> dict[str, dict[str, Any]]:
    """The documents by key, without the time at which each was processed."""
    found = {key: json.loads(world.documents.read(key) or b"") for key in world.document_keys()}
    for each in found.values():
        each["metadata"].pop("processed_at")
    return found


def test_each_change_is_a_document_and_the_receipt_counts_it_by_day_and_tenant(purchases: Purchases) -> None:
    one, two = purchase("c1", "t1"), purchase("c2", "t2", "2026-11-19 20:00:00")
    done = purchases.deliver(
        record(1, "INSERT", one),
        record(2, "INSERT", two, second=1),
        record(3, "MODIFY", one | {"user_id": {"S": "u2"}}, old=one, second=60),
        record(4, "REMOVE", two, second=61),
    )
    assert purchases.document_keys() == [
        "compras/t1/2026/11/20/insert_c1_20261120_093000.json",
        "compras/t1/2026/11/20/modify_c1_20261120_093100.json",
        "compras/t2/2026/11/19/insert_c2_20261120_093001.json",
        "compras/t2/2026/11/19/remove_c2_20261120_093101.json",
    ]
    (receipt,) = done.receipts
    assert receipt.counts == Counts(received=4, accepted=4)
    assert {(part.asset, part.partition): part.counts.accepted for part in receipt.partitions} == {
        (LANDED, DAY): 4,
        (DOCUMENTS, DAY): 2,
        (DOCUMENTS, "2026-11-19"): 2,
        (TENANTS, "t1"): 2,
        (TENANTS, "t2"): 2,
    }
    assert purchases.ledger.account(DOCUMENTS, DAY).counts == Counts(received=2, accepted=2)
    assert (receipt.effects, receipt.size) == (
        {"documents": 4},
        sum(len(purchases.documents.read(key) or b"") for key in purchases.document_keys()),
    )


def test_a_batch_that_comes_again_writes_nothing_and_two_changes_in_one_second_both_stay(purchases: Purchases) -> None:
    item = purchase()
    changes = [record(n, "MODIFY", item | {"user_id": {"S": f"u{n}"}}, old=item) for n in (21, 22, 23)]
    purchases.deliver(*changes)
    before = {key: purchases.documents.head(key) for key in purchases.document_keys()}
    again = purchases.deliver(*changes[:2])
    assert (again.receipts, again.redelivered) == ((), 2)
    assert {key: purchases.documents.head(key) for key in purchases.document_keys()} == before
    assert purchases.document_keys() == [
        "compras/t1/2026/11/20/modify_c1_20261120_093000.json",
        "compras/t1/2026/11/20/modify_c1_20261120_093000_22.json",
        "compras/t1/2026/11/20/modify_c1_20261120_093000_23.json",
    ]
    assert {each["user_id"] for each in documents(purchases).values()} == {"u21", "u22", "u23"}


def test_what_breaks_a_rule_is_kept_and_the_rest_goes_on(purchases: Purchases) -> None:
    bad = purchase("c2") | {"fecha": {"S": "tomorrow"}}
    done = purchases.deliver(
        record(1, "INSERT", purchase("c1")), record(2, "INSERT", bad), "nothing", record(3, "INSERT", purchase("c3"))
    )
    (receipt,) = done.receipts
    assert (receipt.counts, done.faults) == (Counts(received=3, accepted=2, quarantined=1), 1)
    (kept,) = purchases.stores().quarantine.documents(receipt)
    assert (kept["rule"], kept["event_name"], kept["new"]) == ("fecha", "INSERT", bad)
    assert kept["reason"].startswith("record 2, attribute fecha: found 'tomorrow', expected a time such as")
    (message,) = purchases.stores().quarantine.contents().messages
    foreign = purchases.stores().quarantine.messages.read(message)
    assert foreign
    assert foreign["reason"] == "record 3: Expected `object`, got `str`, expected a record of a stream"


def test_where_the_bucket_fails_the_work_stops_at_that_record_and_goes_on_there(purchases: Purchases) -> None:
    item = purchase()
    changes = [record(n, "MODIFY", item, old=item, second=n) for n in range(1, 5)]
    fate = Fate(at=0)
    done = COMPRAS_FLOW.ingest({"Records": changes[:2]}, purchases.stores(fate))
    purchases.documents.fault = "SlowDown"
    stopped = purchases.deliver(*changes)
    assert (stopped.failed, stopped.receipts, stopped.redelivered) == ("3", (), 2)
    purchases.documents.fault = ""
    after = purchases.deliver(*changes[2:])
    assert [receipt.source.records for receipt in (*done.receipts, *after.receipts)] == [2, 2]  # type: ignore[union-attr]
    assert len(purchases.document_keys()) == 4
    assert purchases.ledger.account(LANDED, DAY).counts == Counts(received=4, accepted=4)


def test_behind_one_that_fails_no_later_change_of_its_purchase_is_written(purchases: Purchases) -> None:
    """Documents of different purchases are put at once; what is behind the first that fails comes again."""
    one, two, three = purchase("c1"), purchase("c2"), purchase("c3")
    changes = [
        record(1, "INSERT", one),
        record(2, "INSERT", two, second=1),
        record(3, "INSERT", three, second=2),
        *(record(n, "MODIFY", two, old=two, second=n) for n in range(4, 9)),
        record(9, "MODIFY", one, old=one, second=9),
    ]
    stores = purchases.stores()
    broken = COMPRAS_FLOW.ingest({"Records": changes}, replace(stores, documents=_Refusing(stores.documents, "_c2_")))
    assert broken.failed == "2"
    assert [receipt.counts.received for receipt in broken.receipts] == [1]
    assert not [key for key in purchases.document_keys() if "_c2_" in key or "modify" in key]
    again = purchases.deliver(*changes)
    assert (again.failed, again.redelivered, len(purchases.document_keys())) == ("", 1, 9)
    assert purchases.ledger.account(LANDED, DAY).counts == Counts(received=9, accepted=9)


class _Refusing:
    """A bucket that takes no object whose key has a word in it."""

    def __init__(self, inner: Any, word: str) -> None:
        self._inner, self._word = inner, word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def put_if_absent(self, key: str, *args: Any, **kwargs: Any) -> Any:
        if self._word in key:
            raise TransientError("slow down")
        return self._inner.put_if_absent(key, *args, **kwargs)


def test_half_a_character_anywhere_in_an_event_is_a_fault_or_a_rejection_or_left_out(purchases: Purchases) -> None:
    """JSON lets it through and UTF-8 does not; each place of a record has it once, and every key."""
    whole = record(1, "MODIFY", purchase(), old=purchase())
    by_hand = {"eventID": "e", "eventName": "INSERT", "dynamodb": {"NewImage": purchase(), "Keys": {}}}
    spoilt = [*_spoilt(whole), *_spoilt(by_hand)]
    for number, each in enumerate(spoilt):
        change = each.get("dynamodb", {})
        if "SequenceNumber" in change and change["SequenceNumber"] == "1":
            change["SequenceNumber"] = str(1_000 + number)
    done = purchases.deliver(*spoilt)
    assert done.failure is None
    counts = sum((receipt.counts for receipt in done.receipts), Counts())
    assert counts.received + done.faults + done.redelivered == len(spoilt)
    assert counts.quarantined > 10
    assert done.faults > 10
    assert len(list(purchases.stores().quarantine.contents().messages)) == done.faults
    again = purchases.deliver(*spoilt)
    assert (again.receipts, again.redelivered) == ((), counts.received + done.redelivered)


def _spoilt(found: Any) -> Iterator[Any]:
    """The document once for each of its texts and keys, with half a character in that place."""
    if isinstance(found, str):
        yield found + "\ud800"
    elif isinstance(found, list):
        for place, each in enumerate(found):
            yield from ([*found[:place], other, *found[place + 1 :]] for other in _spoilt(each))
    elif isinstance(found, dict):
        for name, each in found.items():
            yield {key + "\ud800" if key == name else key: value for key, value in deepcopy(found).items()}
            yield from ({**deepcopy(found), name: other} for other in _spoilt(each))


def test_without_time_no_record_is_begun(purchases: Purchases) -> None:
    stopped = COMPRAS_FLOW.ingest(
        {"Records": [record(1, "INSERT", purchase())]}, purchases.stores(), seconds_left=lambda: 3.0
    )
    assert (stopped.failed, stopped.receipts, purchases.document_keys()) == ("1", (), [])


def test_an_event_made_by_hand_is_a_document_once(purchases: Purchases) -> None:
    by_hand = {"eventID": "e", "eventName": "INSERT", "dynamodb": {"NewImage": purchase("c1")}}
    first, second = purchases.deliver(by_hand), purchases.deliver(by_hand)
    assert (len(first.receipts), len(second.receipts), second.redelivered) == (1, 0, 1)
    assert purchases.document_keys() == ["compras/t1/2026/11/20/insert_c1_20261120_093000.json"]


def test_a_replay_writes_what_was_rejected_once_the_rules_take_it(
    purchases: Purchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that are mended are stood in for by a stamp that both rules of today take, but an earlier one did not."""
    bad = purchase("c2", fecha="0001-01-01 00:00:00")
    (receipt,) = purchases.deliver(record(1, "INSERT", purchase()), record(2, "INSERT", bad)).receipts
    same = COMPRAS_FLOW.replay(receipt, purchases.stores())
    assert (same.run, same.counts) == (2, receipt.counts)
    assert len(list(purchases.stores().quarantine.documents(same))) == 1
    monkeypatch.setattr("pipeline_assets.compras.changes._FIRST_YEAR", 1)
    mended = COMPRAS_FLOW.replay(same, purchases.stores())
    assert (mended.run, mended.counts) == (3, Counts(received=2, accepted=2))
    assert purchases.document_keys()[0] == "compras/t1/0001/01/01/insert_c2_20261120_093000.json"
    assert purchases.ledger.account(LANDED, DAY).counts == Counts(received=2, accepted=2)
    assert purchases.ledger.account(TENANTS, "t1").counts == Counts(received=2, accepted=2)
    assert not list(purchases.stores().quarantine.documents(mended))
    assert purchases.deliver(record(2, "INSERT", bad)).redelivered == 1


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Changes of three purchases of two tenants, several in one second, as their stream tells them; some are bad."""
    there: dict[tuple[str, str], dict[str, Any]] = {}
    records: list[dict[str, Any]] = []
    second = 0
    for number in range(1, draw(st.integers(3, 9)) + 1):
        second += draw(st.sampled_from([0, 0, 1]))
        key = draw(st.sampled_from([("t1", "a"), ("t1", "b"), ("t/2", "a")]))
        old = there.get(key)
        if old and draw(st.booleans()):
            del there[key]
            records.append(record(number, "REMOVE", old, second=second))
            continue
        quantity = draw(st.sampled_from(["1", "2.5", "0"]))
        fecha = draw(st.sampled_from(["2026-11-20 09:30:00", "2026-11-19 23:59:59"]))
        new = purchase(key[1], key[0], fecha, product(quantity=quantity))
        there[key] = new
        records.append(record(number, "MODIFY" if old else "INSERT", new, old=old, second=second))
    return records


def expected(records: Sequence[dict[str, Any]]) -> Counter[str]:
    """Keys of the documents: the plain one, then with the numbers of further changes within its second."""
    found: Counter[str] = Counter()
    for each in stream_records({"Records": list(records)})[0]:
        change = judge(each, TABLE)
        if not isinstance(change, RejectedChange):
            plain = document_key(change)
            found[document_key(change, each.sequence_number.lstrip("0")) if plain in found else plain] += 1
    return found


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.data())
def test_documents_and_counts_are_the_same_whatever_dies_and_comes_again(
    bare_cloud: Access, records: list[dict[str, Any]], data: st.DataObject
) -> None:
    world = Purchases.new(bare_cloud)
    reached = 0
    while reached < len(records):
        size = data.draw(st.integers(1, len(records) - reached), label="size")
        back = data.draw(st.integers(0, reached), label="redelivered before it")
        batch = records[reached - back : reached + size]
        fate = Fate(data.draw(st.sampled_from([0, 0, 1, 2, 3, 4, 5, 7, 9]), label="dies at"), data.draw(st.booleans()))
        try:
            world.deliver(*batch, fate=fate)
        except DeadError:
            continue
        reached += size
    world.deliver(*records)
    assert Counter(world.document_keys()) == expected(records)
    ids = [(world.documents.head(key) or pytest.fail(key)).metadata[EVENT_ID] for key in world.document_keys()]
    assert len(set(ids)) == len(ids)
    accepted = expected(records).total()
    counts = Counts(received=len(records), accepted=accepted, quarantined=len(records) - accepted)
    assert world.ledger.account(LANDED, DAY).counts == counts
    receipts = world.ledger.receipts("compras")
    kept = [doc["sequence_number"] for receipt in receipts for doc in world.stores().quarantine.documents(receipt)]
    assert len(kept) == len(set(kept)) == counts.quarantined


@pytest.mark.any_engine
def test_a_change_of_the_table_is_a_document_through_the_deployed_function(cloud: RunningStack) -> None:
    access, tenant = cloud.access, f"t-{uuid4().hex[:8]}"
    table, bucket = access.table("compras"), access.open_bucket("compras")
    item = purchase("c1", tenant)
    key = {name: item[name] for name in ("tenant_id", "compra_id")}
    access.dynamodb.put_item(TableName=table, Item=item)
    access.dynamodb.put_item(TableName=table, Item=item | {"user_id": {"S": "other"}})
    access.dynamodb.put_item(TableName=table, Item=purchase("c2", tenant) | {"fecha": {"S": "soon"}})
    access.dynamodb.delete_item(TableName=table, Key=key)
    prefix = f"compras/{tenant}/2026/11/20/"

    def names() -> list[str]:
        return sorted(found.key.removeprefix(prefix)[:9] for found in bucket.objects(f"compras/{tenant}/"))

    until(lambda: len(names()) == 3)
    assert names() == ["insert_c1", "modify_c1", "remove_c1"]
    ledger = Ledger(access.dynamodb, access.table("ledger"))
    until(lambda: ledger.account(TENANTS, tenant).counts.accepted == 3)
    rejected = [each for each in ledger.receipts("compras") if each.counts.quarantined]
    assert rejected


@pytest.mark.any_engine
def test_called_by_hand_it_writes_the_document_and_its_log_counts_and_names_nobody(cloud: RunningStack) -> None:
    access, tenant, user = cloud.access, f"t-{uuid4().hex[:8]}", f"user-{uuid4().hex}"
    item = purchase("c1", tenant) | {"user_id": {"S": user}}
    event = {"eventID": tenant, "eventName": "INSERT", "dynamodb": {"NewImage": item}}
    bad = event | {"dynamodb": {"NewImage": item | {"fecha": {"S": "soon"}}}}
    data = json.dumps({"Records": [event, bad]})
    arguments = ["invoke", "actualizarComprasStream", "--state", str(cloud.instance.state)]
    done = CliRunner().invoke(app, [*arguments, "--data", data])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"batchItemFailures": []}), done.output
    nothing = CliRunner().invoke(app, arguments)
    assert (nothing.exit_code, json.loads(nothing.stdout)) == (0, {"batchItemFailures": []}), nothing.output
    bucket = access.open_bucket("compras")
    (found,) = bucket.objects(f"compras/{tenant}/")
    assert found.key == f"compras/{tenant}/2026/11/20/insert_c1_20261120_093000.json"
    number = (bucket.head(found.key) or pytest.fail(found.key)).metadata[SEQUENCE_NUMBER]
    group = "/aws/lambda/lambdas-streams-actualizador-compras-dev-actualizarComprasStream"

    def logged() -> list[str]:
        pages = access.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    until(lambda: any("batch ingested" in line and number in line for line in logged()))
    lines = logged()
    assert any(
        all(f'"{name}"' in line for name in ("RecordsProcessed", "RecordsFailed", "ProcessingTime", "BytesWritten"))
        for line in lines
    )
    assert not [line for line in lines if user in line]
