"""Rebuild of an index: it ends in the state of the table, whatever is changed meanwhile and wherever it is killed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local.cloud import CREDENTIALS, REGION
from pipeline_assets.errors import TransientError
from pipeline_assets.events.stream_records import stream_records
from pipeline_assets.events.tenants import tenant_id
from pipeline_assets.operations.access import Access
from pipeline_assets.search import rebuild as rebuilding
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex
from pipeline_assets.search.index import Outcome, Result, SearchIndex, Write
from pipeline_assets.search.ingest import PRODUCTS_SEARCH
from pipeline_assets.search.names import alias, building
from pipeline_assets.search.rebuild import Rebuilt, rebuild
from pipeline_assets.search.stores import SearchStores
from tests.worlds.examples import examples
from tests.worlds.memory_index import MemoryIndex
from tests.worlds.mortality import DeadError, Fate, Mortal
from tests.worlds.search import Indexed, product, record

TENANT = tenant_id("t1")
_CALLS = (
    *("create_index", "generations", "begin_generation", "switch", "abandon", "freeze", "delete"),
    *("position", "states", "written_after", "read", "stored", "write"),
)


@cache
def _nobody() -> Access:
    """A cloud that nobody asks."""
    return Access({"region": REGION, "endpoint_url": "http://127.0.0.1:9", "credentials": CREDENTIALS})


@dataclass
class Shop:
    """A table of products that changes, and the records of its stream, those that the index has and those to come."""

    world: Indexed
    items: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    delivered: int = 0

    @classmethod
    def new(cls, index: SearchIndex | None = None) -> Shop:
        return cls(Indexed(_nobody(), "products", "", index or MemoryIndex()))

    def put(self, codigo: str, nombre: str) -> None:
        item = product(codigo, nombre=nombre)
        self._tell("MODIFY" if codigo in self.items else "INSERT", item)
        self.items[codigo] = item

    def remove(self, codigo: str) -> None:
        if item := self.items.pop(codigo, None):
            self._tell("REMOVE", item)

    def deliver(self, count: int = 1_000) -> None:
        """Let the flow bring in the next records."""
        some = self.records[self.delivered : self.delivered + count]
        self.delivered += len(some)
        self.bring_in(some)

    def bring_in(self, records: list[dict[str, Any]]) -> None:
        """Bring records in as the flow does, without its receipts."""
        read, faults = stream_records({"Records": records})
        assert not faults
        done = PRODUCTS_SEARCH.work_all(read, self.world.stores(), lambda: 900.0)
        assert done.failure is None

    def change(self, dice: random.Random) -> None:
        """Let something happen to the table or to the flow, or nothing."""
        codigo = f"P{dice.randint(0, 6)}"
        match dice.randint(0, 4):
            case 0:
                self.put(codigo, f"Pan {len(self.records)}")
            case 1:
                self.remove(codigo)
            case 2:
                self.deliver(dice.randint(1, 3))
            case 3 if self.delivered:  # a record comes again
                self.bring_in([self.records[dice.randint(0, self.delivered - 1)]])

    def in_order(self) -> list[Any]:
        """The items as a table gives them."""
        return [self.items[codigo] for codigo in sorted(self.items)]

    def rebuild(self, stores: SearchStores | None = None) -> Rebuilt:
        return rebuild("products", TENANT, self.in_order, stores or self.world.stores())

    def check(self) -> None:
        """The index is as the table is, once all is delivered, and has one generation."""
        self.deliver()
        names = {codigo: item["nombre"]["S"] for codigo, item in self.items.items()}
        codes = sorted({each["dynamodb"]["Keys"]["codigo"]["S"] for each in self.records})
        assert self.world.state("t1", codes) == names
        found = self.world.index.generations(alias(self.world.stage, "products", TENANT))
        assert (found.earlier, found.unfinished) == ((), ())

    def _tell(self, event_name: str, item: Any) -> None:
        self.records.append(record("products", len(self.records) + 1, event_name, item))


@dataclass(eq=False)
class Meanwhile:
    """An engine before each of whose calls something else happens."""

    inner: Any
    happens: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.happens()
            return value(*args, **kwargs)

        return call


def with_engine(stores: SearchStores, engine: Any) -> SearchStores:
    stores.engines.shared = engine
    return stores


@pytest.fixture
def shop() -> Shop:
    made = Shop.new()
    for number in range(6):
        made.put(f"P{number}", f"Pan {number}")
    made.deliver()
    made.remove("P5")
    made.deliver()
    return made


def test_the_next_generation_has_what_the_table_has_and_keeps_tombstones(shop: Shop) -> None:
    del shop.items["P0"]  # and nobody was told of it
    done = shop.rebuild()
    assert (done.documents, done.tombstones, done.carried_over, done.rejected) == (4, 2, 0, 0)
    assert shop.world.state("t1", ["P0", "P1", "P5"]) == {"P1": "Pan 1"}
    found = shop.world.document("P5")
    assert found
    assert found["deleted"]
    assert set(found) == {"tenant", "tenant_id", "codigo", "sequence", "changed_at", "deleted"}
    shop.bring_in([shop.records[5]])  # the insert of P5 comes late
    assert shop.world.state("t1", ["P5"]) == {}
    shop.check()


def test_a_rebuild_changes_no_products_time(shop: Shop) -> None:
    before = [shop.world.document(codigo) for codigo in ("P0", "P1")]
    shop.rebuild()
    assert [shop.world.document(codigo) for codigo in ("P0", "P1")] == before


def test_an_index_that_was_lost_is_made_of_the_table(shop: Shop) -> None:
    shop.world.index = MemoryIndex()
    assert shop.rebuild().documents == 5
    shop.put("P1", "Pan de molde")
    shop.check()


def test_a_document_whose_item_breaks_a_rule_now_stays(shop: Shop) -> None:
    shop.items["P1"] = {**product("P1"), "precio": {"N": "-1"}}
    assert shop.rebuild().rejected == 1
    assert shop.world.state("t1", ["P1"]) == {"P1": "Pan 1"}


def test_a_document_that_the_engine_refuses_is_counted_once(shop: Shop) -> None:
    assert isinstance(shop.world.index, MemoryIndex)
    shop.put("P9", "Pan")  # which has no document yet
    shop.world.index.refused = {"P9", "P5"}  # and P5 is gone
    done = shop.rebuild()
    assert (done.documents, done.tombstones, done.rejected) == (5, 0, 2)


def test_of_a_removed_tenant_nothing_is_built(shop: Shop) -> None:
    gone = SimpleNamespace(find=lambda _: SimpleNamespace(state="removed", endpoint="", secret=""))
    assert shop.rebuild(shop.world.stores(tenants=gone)) == Rebuilt()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_it_is_begun_again(*, after: bool) -> None:
    at = 0
    while True:
        at += 1
        shop = Shop.new()
        for number in range(4):
            shop.put(f"P{number}", f"Pan {number}")
        shop.remove("P0")
        shop.deliver()
        fate = Fate(at, after)
        engine = Meanwhile(Mortal(shop.world.index, fate, _CALLS), partial(shop.deliver, 1))
        for number in range(4, 12):
            shop.put(f"P{number % 6}", f"Pan {number}")
        try:
            shop.rebuild(with_engine(shop.world.stores(), engine))
        except DeadError:
            shop.remove("P2")
            shop.deliver()
            shop.rebuild()
            shop.check()
        else:
            assert at >= 8
            return


@given(data=st.data())
@settings(max_examples=examples(400), deadline=None)
def test_whatever_is_changed_while_it_runs_the_index_ends_as_the_table_is(data: st.DataObject) -> None:
    shop = Shop.new()
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    for number in range(5):
        shop.put(f"P{number}", "Pan")
    shop.deliver(dice.randint(0, 5))

    one_at_a_time = threading.Lock()

    def change() -> None:
        with one_at_a_time:
            shop.change(dice)

    fate = Fate(data.draw(st.integers(0, 24)), after=data.draw(st.booleans()))
    engine = Meanwhile(Mortal(shop.world.index, fate, _CALLS), change)

    def read() -> Iterator[Any]:
        for codigo in sorted(shop.items):
            change()
            if codigo in shop.items:
                yield shop.items[codigo]

    with pytest.MonkeyPatch.context() as patch:
        # Where several requests are on their way, what happens meanwhile happens in several threads.
        patch.setattr(rebuilding, "_AT_ONCE", data.draw(st.sampled_from([2, 1_000])))
        try:
            rebuild("products", TENANT, read, with_engine(shop.world.stores(), engine))
        except DeadError:
            shop.rebuild(with_engine(shop.world.stores(), Meanwhile(shop.world.index, change)))
    shop.check()


def test_who_read_the_earlier_generation_writes_the_next_one(shop: Shop) -> None:
    shop.put("P1", "Pan de molde")
    late, shop.delivered = shop.records[-1], len(shop.records)
    rebuilt: list[Rebuilt] = []

    class AfterARebuild:
        """An engine that is rebuilt between the first read of a writer and its write."""

        def __getattr__(self, name: str) -> Any:
            if name == "write" and not rebuilt:
                del shop.items["P2"]
                stores = with_engine(shop.world.stores(), memory)
                rebuilt.append(rebuild("products", TENANT, shop.in_order, stores))
            return getattr(memory, name)

    memory = shop.world.index
    shop.world.index = AfterARebuild()
    shop.bring_in([late])
    shop.world.index = memory
    assert rebuilt
    found = shop.world.document("P1")
    assert found
    assert (found["nombre"], found["sequence"][-4:]) == ("Pan de molde", "0008")


def test_who_finds_the_earlier_generation_frozen_writes_the_next_one(shop: Shop) -> None:
    """As while a rebuild looks through the earlier generation, however long that takes."""
    name = alias(shop.world.stage, "products", TENANT)
    engine = shop.world.index
    old = engine.generations(name).current
    new = engine.begin_generation(name, {})
    shop.put("P1", "Pan de molde")

    class Switched:
        """An engine whose alias names the next generation between the first read of a writer and its write."""

        def __getattr__(self, called: str) -> Any:
            if called == "write" and engine.generations(name).unfinished:
                engine.switch(name, old, new)
                engine.freeze(old)
            return getattr(engine, called)

    shop.world.index = Switched()
    shop.deliver()
    shop.world.index = engine
    assert shop.world.state("t1", ["P1"]) == {"P1": "Pan de molde"}


def test_an_engine_that_is_too_busy_for_what_is_carried_over_is_waited_for(shop: Shop) -> None:
    memory = MemoryIndex()
    shop.world.index, shop.delivered = memory, 0
    shop.deliver()

    def read() -> list[Any]:
        items = shop.in_order()
        shop.put("P1", "Pan de molde")
        shop.deliver()
        return items

    class Busy:
        """An engine that is too busy for a document the first time that it is carried over."""

        asked = 0

        def __getattr__(self, called: str) -> Any:
            if called == "stored":
                self.asked += 1
                memory.busy = {"P1"} if self.asked == 1 else set()
            return getattr(memory, called)

    done = rebuild("products", TENANT, read, with_engine(shop.world.stores(), Busy()))
    assert done.carried_over == 1
    shop.check()


def test_what_was_changed_while_it_was_built_is_in_the_next_generation_from_its_first_moment(shop: Shop) -> None:
    seen: list[Any] = []

    def read() -> list[Any]:
        items = shop.in_order()
        shop.put("P2", "Pan de molde")
        shop.remove("P1")
        shop.deliver()
        return items

    def look() -> None:
        name = alias(shop.world.stage, "products", TENANT)
        if shop.world.index.generations(name).earlier and not seen:
            seen.append(shop.world.state("t1", ["P1", "P2"]))

    done = rebuild("products", TENANT, read, with_engine(shop.world.stores(), Meanwhile(shop.world.index, look)))
    assert seen == [{"P2": "Pan de molde"}]
    assert done.carried_over == 2
    shop.check()


def test_nobody_writes_the_earlier_generation_once_it_was_looked_through(shop: Shop) -> None:
    name = alias(shop.world.stage, "products", TENANT)
    (held,) = shop.world.index.stored([(name, "P1")])
    results: list[Result] = []

    class BeforeTheEnd:
        """An engine whose earlier generation somebody writes just before it is deleted."""

        def __getattr__(self, called: str) -> Any:
            if called == "delete":
                results.extend(engine.write([Write(name, "P1", b"{}", held)]))
            return getattr(engine, called)

    engine = shop.world.index
    shop.rebuild(with_engine(shop.world.stores(), BeforeTheEnd()))
    assert [each.outcome for each in results] == [Outcome.BUSY]


def test_a_rebuild_that_another_one_overtook_ends_with_that(shop: Shop) -> None:
    overtaken: list[Rebuilt] = []

    def overtake() -> None:
        name = alias(shop.world.stage, "products", TENANT)
        unfinished = shop.world.index.generations(name).unfinished
        if unfinished and not overtaken:
            assert building(unfinished[0])
            overtaken.append(shop.rebuild())

    with pytest.raises(TransientError):
        shop.rebuild(with_engine(shop.world.stores(), Meanwhile(shop.world.index, overtake)))
    assert overtaken
    shop.check()


def test_searches_and_changes_go_on_while_an_engine_rebuilds(search_url: str) -> None:
    shop = Shop.new(ElasticsearchIndex.open(search_url))
    for number in range(300):
        shop.put(f"P{number}", "Pan")
    shop.deliver()
    over, found = threading.Event(), set[int]()
    name = alias(shop.world.stage, "products", TENANT)
    everything = {"query": {"term": {"deleted": False}}, "size": 0, "track_total_hits": True}
    list(shop.world.index.scan(name))  # all of it can be searched

    def ask() -> None:
        while not over.is_set():
            found.add(shop.world.index.search(name, everything)["hits"]["total"]["value"])

    def change() -> None:
        number = 0
        while not over.is_set():
            shop.put(f"P{number % 300}", f"Pan {number}")
            shop.deliver()
            number += 7

    threads = [threading.Thread(target=each) for each in (ask, change)]
    for each in threads:
        each.start()
    try:
        done = [shop.rebuild() for _ in range(2)]
    finally:
        over.set()
        for each in threads:
            each.join()
    assert [each.documents for each in done] == [300, 300]
    assert found == {300}
    shop.check()


def test_no_more_is_held_than_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuilding, "_AT_ONCE", 10)
    memory = MemoryIndex()
    shop, given, held = Shop.new(memory), [0], list[int]()
    for number in range(500):
        shop.put(f"P{number:03}", "Pan")
    shop.deliver()
    shop.items = {codigo: item for codigo, item in shop.items.items() if int(codigo[1:]) % 3}  # many are gone
    name = alias(shop.world.stage, "products", TENANT)

    class Watched:
        """An engine that is asked for states and documents, and told documents, while items are read."""

        def __getattr__(self, called: str) -> Any:
            value = getattr(memory, called)
            if called != "states":
                return value

            def states(*asked: Any) -> Iterator[Any]:
                for each in value(*asked):
                    given[0] += 1
                    built = memory.documents(building(f"{name}-000002"))
                    held.append(given[0] - len(built))
                    yield each

            return states

    done = rebuild("products", TENANT, shop.in_order, with_engine(shop.world.stores(), Watched()))
    assert (done.documents, done.tombstones) == (333, 167)
    # One piece is made, two are on their way, and one state is looked at ahead.
    assert max(held) <= 3 * 10 + 1
    assert len(memory.documents(name)) == 500


def test_items_in_another_order_than_a_tables_are_not_taken(shop: Shop) -> None:
    with pytest.raises(ValueError, match="in the order of their keys"):
        rebuild("products", TENANT, lambda: reversed(shop.in_order()), shop.world.stores())
