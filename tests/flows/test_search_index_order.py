"""Changes come in any order, several times, and writers die: the index ends in the state of the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.operations.access import Access
from pipeline_assets.search import ingest
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.ingest import SEARCH_FLOWS
from tests.worlds.examples import examples
from tests.worlds.mortality import DeadError, Fate
from tests.worlds.search import Indexed, product, record

DAY = "2026-11-20"
TENANTS, ITEMS = ("t1", "T1"), ("P1", "P2", "p1")


@dataclass(frozen=True)
class Change:
    """What happened to one item, and what it is called afterwards; None where it is removed."""

    tenant: str
    item: str
    name: str | None


CHANGES = st.lists(
    st.builds(Change, st.sampled_from(TENANTS), st.sampled_from(ITEMS), st.one_of(st.none(), st.sampled_from("abc"))),
    min_size=1,
    max_size=14,
)


def stream(changes: Sequence[Change]) -> tuple[list[dict[str, Any]], dict[tuple[str, str], str]]:
    """The records of a table's stream, and the table at its end."""
    table: dict[tuple[str, str], str] = {}
    records = []
    for number, change in enumerate(changes, 1):
        key = change.tenant, change.item
        there = key in table
        if change.name is None and not there:
            continue
        event_name = "REMOVE" if change.name is None else "MODIFY" if there else "INSERT"
        name = table.pop(key) if change.name is None else f"{change.name}{number}"
        records.append(record("products", number, event_name, product(change.item, change.tenant, nombre=name)))
        if change.name is not None:
            table[key] = name
    return records, table


@contextmanager
def requests_of(data: st.DataObject) -> Iterator[None]:
    """All documents in one request, or a few in each, two requests side by side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "_AT_ONCE", data.draw(st.sampled_from([1, 2, 1_000])))
        yield


def indexed(world: Indexed) -> dict[tuple[str, str], str]:
    return {(t, item): name for t in TENANTS for item, name in world.state(t, list(ITEMS)).items()}


def deliveries(records: Sequence[Any], data: st.DataObject) -> list[list[Any]]:
    """Each record at least once: cut anyhow, in any order, some again, at last from some checkpoint on."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=4)) | {0, len(records)})
    parts = [list(records[a:b]) for a, b in pairwise(cuts)]
    again = data.draw(st.lists(st.sampled_from(parts), max_size=3)) if parts else []
    order = data.draw(st.permutations([*parts, *again]))
    return [*order, list(records[data.draw(st.integers(0, len(records))) :])]


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, st.data())
def test_whatever_order_changes_come_in_the_index_ends_in_the_state_of_the_table(
    bare_cloud: Access, changes: list[Change], data: st.DataObject
) -> None:
    """Without a ledger that would leave redelivered records out: the index itself has to know."""
    world = Indexed(bare_cloud, "products", "none", table="products")
    records, table = stream(changes)
    flow, stores = SEARCH_FLOWS["products"], world.stores()

    with requests_of(data):
        for some in deliveries(records, data):
            read, _ = stream_records({"Records": some})
            assert flow.work_all(read, stores, lambda: 300.0).failure is None
    assert indexed(world) == table


@settings(max_examples=examples(24), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES, st.data())
def test_whoever_dies_where_the_index_ends_in_the_state_of_the_table_and_each_change_is_counted_once(
    bare_cloud: Access, changes: list[Change], data: st.DataObject
) -> None:
    world = Indexed.new(bare_cloud)
    records, table = stream(changes)
    for some in deliveries(records, data):
        fate = Fate(at=data.draw(st.integers(0, 12)), after=data.draw(st.booleans()))
        with requests_of(data):
            try:
                world.deliver(*some, fate=fate)
            except DeadError:
                world.deliver(*some)
    assert indexed(world) == table
    counted = world.ledger.account("search/products_landed", DAY).counts
    assert counted == Counts(received=len(records), accepted=len(records))


def test_killed_at_each_call_a_batch_ends_as_if_it_had_not_been(bare_cloud: Access) -> None:
    records, table = stream([Change("t1", "P1", "a"), Change("T1", "P1", "b"), Change("t1", "P1", None)])
    killed = 0
    for after in (False, True):
        for at in range(1, 40):
            world = Indexed.new(bare_cloud)
            fate = Fate(at=at, after=after)
            try:
                world.deliver(*records, fate=fate)
            except DeadError:
                killed += 1
                assert len(world.deliver(*records).receipts) <= 1
            assert indexed(world) == table
            assert world.ledger.account("search/products_landed", DAY).counts.accepted == len(records)
            if fate.calls < at:
                break
    assert killed > 10


@settings(max_examples=examples(9), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, data=st.data())
def test_on_an_engine_the_index_ends_in_the_state_of_the_table(
    bare_cloud: Access, search_url: str, changes: list[Change], data: st.DataObject
) -> None:
    engine = ElasticsearchIndex.open(search_url)
    world = Indexed(bare_cloud, "products", "none", engine, table="products")
    records, table = stream(changes)
    flow, stores = SEARCH_FLOWS["products"], world.stores()
    with requests_of(data):
        for some in deliveries(records, data):
            read, _ = stream_records({"Records": some})
            assert flow.work_all(read, stores, lambda: 300.0).failure is None
    assert indexed(world) == table
