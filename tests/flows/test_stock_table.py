"""Price files into the table: exact prices, the newest file wins whenever it comes, every row has one outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline_assets.errors import TimeBudgetReachedError, TransientError
from pipeline_assets.events.outcomes import Counts, OvertakenError
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.stocks import ingest
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.ingestion import Ingestion
from tests.worlds.examples import examples
from tests.worlds.mortality import DeadError, Fate
from tests.worlds.stack import RunningStack
from tests.worlds.stocks import StockWorld, bar, stock_world

#: No price file comes near the graph.
pytestmark = pytest.mark.any_engine
MOST_ATTEMPTS = 50


@pytest.fixture
def world(cloud: RunningStack) -> Iterator[StockWorld]:
    with stock_world(cloud) as made:
        yield made


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 2)


class TestOneFile:
    def test_its_prices_are_items_as_exact_as_they_were_written(self, world: StockWorld) -> None:
        receipt = world.load(
            "a.csv", "CSTA,2026-11-19 14:30:00,112.40,112.4567890123456789,112.05,112.10,1000000000000"
        )
        (item,) = world.items()
        assert {name: item[name] for name in ("PK", "SK", "volume")} == {
            "PK": "CSTA",
            "SK": "2026-11-19T14:30:00.000Z",
            "volume": "1000000000000",
        }
        four = [Decimal(item[name]) for name in ("open", "high", "low", "close")]
        assert four == list(map(Decimal, ["112.40", "112.4567890123456789", "112.05", "112.10"]))
        assert receipt.counts == Counts(received=1, accepted=1)
        assert {(p.asset, p.partition, p.of_arrival) for p in receipt.partitions} == {
            ("stocks/landed", "2026-11-20", True),
            ("stocks", "2026-11-19", False),
        }

    def test_a_missing_volume_is_no_zero(self, world: StockWorld) -> None:
        world.load("CSTA.csv", "2026-11-19,1,2,1,2,", "2026-11-18,1,2,1,2,0", header="Date,Open,High,Low,Close,Volume")
        assert [item.get("volume") for item in world.items()] == ["0", None]

    def test_a_real_file_comes_in(self, world: StockWorld) -> None:
        receipt = world.load(
            "stocks/AAPL.csv",
            '2026-11-18,"1,234.50",1240.00,1230.25,1238.75,1238.75,"52,722,800"',
            "2026-11-17,1229.00,1236.10,1228.40,1234.50,1234.50,-",
            "2026-11-16,1229.00,1206.10,1228.40,1234.50,1234.50,10",
            "2026-11-13,-1,2,1,2,2,10",
            header="Date,Open,HIGH,Low,close,Adj Close,Vol.",
        )
        assert receipt.counts == Counts(received=4, accepted=2, quarantined=2)
        assert world.rejected(receipt) == [(3, "high_is_highest"), (4, "price_positive")]
        found = world.stores().table.prices("AAPL", "2026-11-01", "2026-12-01")
        assert [(price.timestamp, price.open, price.volume) for price in found] == [
            ("2026-11-17T00:00:00.000Z", Decimal(1229), None),
            ("2026-11-18T00:00:00.000Z", Decimal("1234.5"), 52_722_800),
        ]

    def test_prices_before_the_first_partition_are_in_the_table_and_in_the_account_of_their_arrival(
        self, world: StockWorld
    ) -> None:
        receipt = world.load("IBM.csv", "1985-03-04,1,2,1,2,5", header="Date,Open,High,Low,Close,Volume")
        assert len(world.items()) == 1
        assert [(p.asset, p.counts.accepted) for p in receipt.partitions] == [("stocks/landed", 1)]

    @pytest.mark.parametrize("rows", [1, 5_000], ids=["across batches", "in one batch"])
    def test_the_first_row_of_a_time_counts_its_repeats_are_counted_and_contradictions_kept_aside(
        self, world: StockWorld, rows: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ingest, "BATCH_ROWS", rows)
        receipt = world.load("a.csv", bar(close=1), bar(close=1), bar(close="1.00"), bar(close=2), bar(second=1))
        assert receipt.counts == Counts(received=5, accepted=2, duplicate=2, quarantined=1)
        assert world.closes() == {("CSTA", 0): "1", ("CSTA", 1): "100"}
        assert world.rejected(receipt) == [(4, "one_price")]
        assert world.ingest(world.versions[0], redo=True).counts == receipt.counts

    def test_a_file_of_bad_rows_alone_is_refused_and_part_of_no_day(self, world: StockWorld) -> None:
        receipt = world.load("a.csv", bar(close=-1))
        assert "all 1 rows were rejected" in receipt.refused
        assert [p.asset for p in receipt.partitions] == ["stocks/landed"]
        assert world.items() == []

    def test_a_file_without_ticker_is_refused_whole(self, world: StockWorld) -> None:
        receipt = world.load("prices.csv", "2026-11-18,1,2,1,2", header="Date,Open,High,Low,Close")
        assert "row 0 lacks the column ticker" in receipt.refused
        assert receipt.counts == Counts(received=1, quarantined=1)

    def test_its_tickers_are_known_by_day(self, world: StockWorld) -> None:
        world.load("a.csv", bar("AGRU"), bar("ZPTO"))
        tickers = world.stores().tickers
        assert tickers.of_day("2026-11-19") == tickers.all() == ["AGRU", "ZPTO"]
        assert tickers.of_day("2026-11-18") == []
        assert tickers.known("AGRU")
        assert not tickers.known("AGR")


class TestSeveralFiles:
    def test_a_correction_replaces_what_it_names_and_nothing_else(self, world: StockWorld) -> None:
        world.load("a.csv", bar(second=1, close=1), bar(second=2, close=2))
        receipt = world.load("a.csv", bar(second=2, close=20), bar(second=3, close=30))
        assert world.closes() == {("CSTA", 1): "1", ("CSTA", 2): "20", ("CSTA", 3): "30"}
        assert receipt.effects["items_overwritten"] == 1

    def test_an_older_file_that_comes_late_never_overwrites_a_newer_one(self, world: StockWorld) -> None:
        older = world.put("a.csv", bar(second=1, close=1), bar(second=2, close=2))
        world.load("b.csv", bar(second=2, close=20))
        assert world.ingest(older).counts == Counts(received=2, accepted=1, superseded=1)
        assert world.closes() == {("CSTA", 1): "1", ("CSTA", 2): "20"}

    def test_of_a_superseded_time_every_row_is_superseded(self, world: StockWorld) -> None:
        older = world.put("a.csv", bar(close=1), bar(close=1), bar(close=2))
        world.load("b.csv", bar(close=9))
        assert world.ingest(older).counts == Counts(received=3, superseded=3)

    def test_a_delivery_that_comes_again_changes_nothing(self, world: StockWorld) -> None:
        receipt = world.load("a.csv", bar())
        assert world.ingest(world.versions[0]) == receipt
        assert world.ledger.totals("stocks").counts == receipt.counts
        assert world.ledger.deliveries(receipt.id) == 2

    @pytest.mark.usefixtures("small_batches")
    def test_a_redo_gives_the_same(self, world: StockWorld) -> None:
        older = world.put("a.csv", *(bar(second=n, close=1) for n in range(7)), bar(close="none"))
        newer = world.put("b.csv", *(bar(second=n, close=2) for n in range(3, 5)))
        first = [world.ingest(version) for version in (older, newer)]
        before = world.closes()
        again = [world.ingest(version, redo=True) for version in (older, newer)]
        assert world.closes() == before
        assert [receipt.run for receipt in again] == [2, 2]
        assert again[1].counts == first[1].counts
        # What the newer file has taken over since is now seen at once.
        assert again[0].counts == Counts(received=8, accepted=5, quarantined=1, superseded=2)
        assert world.ledger.totals("stocks").counts == again[0].counts + again[1].counts
        assert world.rejected(again[0]) == [(8, "price_positive")]

    def test_a_version_that_is_gone_is_refused_and_its_redo_changes_nothing(self, world: StockWorld) -> None:
        receipt = world.load("a.csv", bar())
        gone = world.put("b.csv", bar(second=9))
        for version in (world.versions[0], gone):
            world.cloud.access.s3.delete_object(Bucket=world.bucket, Key=version.key, VersionId=version.version_id)
        assert "no longer in the bucket" in world.ingest(gone).refused
        assert "no longer in the bucket" in world.ingest(world.versions[0], redo=True).refused
        assert world.ledger.receipt(receipt.id) == receipt
        assert world.closes() == {("CSTA", 0): "100"}


@pytest.mark.usefixtures("small_batches")
class TestOnTheWay:
    ROWS = (*(bar(second=n) for n in range(7)), bar(second=0), bar(second=1, close=5), bar(close="none"))

    def test_work_that_ran_out_of_time_goes_on_where_it_stopped(self, world: StockWorld) -> None:
        version = world.put("a.csv", *self.ROWS)
        stores = world.stores()
        seconds = iter([60.0, 60.0, 60.0, 60.0, 60.0])
        with pytest.raises(TimeBudgetReachedError) as stopped:
            STOCK_FLOW.ingest(version, stores, seconds_left=lambda: next(seconds, 1.0))
        assert stopped.value.moved
        load = stores.ingestions.find(version)
        assert load
        assert 1 < load.next_row < 11
        assert self._through(world).counts == Counts(received=10, accepted=7, duplicate=1, quarantined=2)
        assert stores.ingestions.find(version) is None

    def test_it_keeps_the_place_in_the_order_that_it_was_begun_with(self, world: StockWorld) -> None:
        """Announced again from a listing of its bucket, a version may come with another time."""
        version = world.put("a.csv", *self.ROWS)
        with pytest.raises(DeadError):
            STOCK_FLOW.ingest(version, world.stores(Fate(at=8)))
        begun = world.stores().ingestions.find(version)
        assert begun
        assert begun.next_row > 1
        receipt = world.ingest(structs.replace(version, event_time="2026-11-20T23:00:00.000Z"))
        assert receipt.source.stamp == version.stamp
        assert {item["owner"].rsplit("/", 3)[0] for item in world.items()} == {version.stamp}

    def test_who_is_behind_counts_nothing(self, world: StockWorld) -> None:
        loads, version = world.stores().ingestions, world.put("a.csv", *self.ROWS)
        begun = Ingestion(version)
        third, fifth = replace(begun, next_row=3), replace(begun, next_row=5)
        loads.put(third, begun)
        with pytest.raises(OvertakenError):
            loads.put(third, begun)
        loads.put(fifth, third)
        with pytest.raises(OvertakenError):
            loads.put(fifth, third)
        again = replace(third, run=2)
        loads.put(again, replace(begun, run=2))
        with pytest.raises(OvertakenError, match="is not at row 5 of run 1 any more"):
            loads.put(replace(begun, next_row=7), fifth)
        loads.drop(version.id, 1)
        assert loads.find(version) == again

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_it_may_die_at_any_call(self, world: StockWorld, subtests: pytest.Subtests, *, after: bool) -> None:
        """Killed before or after each call in turn, and delivered again: items, counts and quarantine are the same."""
        calls = self._calls(world)
        for at, name in enumerate(calls, 1):
            with subtests.test(f"{'after' if after else 'before'} call {at}, {name}"):
                version = world.put(f"{at}.csv", *self.ROWS)
                fate = Fate(at, after)
                with suppress(DeadError):
                    STOCK_FLOW.ingest(version, world.stores(fate))
                assert fate.calls >= at
                receipt = world.ingest(version)
                assert receipt.counts == Counts(received=10, accepted=7, duplicate=1, quarantined=2)
                assert world.rejected(receipt) == [(9, "one_price"), (10, "price_positive")]
                assert {item["owner"].split("/")[-3] for item in world.items()} == {version.id}
        assert len(world.items()) == 7
        totals, files = world.ledger.totals("stocks"), len(calls) + 2
        assert (totals.objects, totals.counts.received) == (files, 10 * files)

    def _calls(self, world: StockWorld) -> list[str]:
        """The names of the calls that a file makes which takes over what another one said."""
        world.load("first.csv", *self.ROWS)
        undisturbed = Fate()
        STOCK_FLOW.ingest(world.put("second.csv", *self.ROWS), world.stores(undisturbed))
        assert len(undisturbed.made) > 20
        return undisturbed.made

    def test_of_two_workers_one_goes_on(self, world: StockWorld) -> None:
        version = world.put("a.csv", *self.ROWS)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: _delivered(world, version, Fate(), redo=False), range(2)))
        assert self._through(world).counts == Counts(received=10, accepted=7, duplicate=1, quarantined=2)
        assert world.ledger.totals("stocks").objects == 1

    @pytest.mark.parametrize("redo", [False, True], ids=["the same event", "a redo"])
    def test_somebody_else_may_do_all_of_it_at_any_moment(
        self, world: StockWorld, subtests: pytest.Subtests, *, redo: bool
    ) -> None:
        """Before each call in turn another worker does the whole object: nothing is counted twice or undone."""
        calls = self._calls(world)
        for at, name in enumerate(calls, 1):
            with subtests.test(f"before call {at}, {name}"):
                version = world.put(f"{at}.csv", *self.ROWS)
                company = Company(at, meanwhile=partial(world.ingest, version, redo=redo))
                with suppress(TransientError):
                    STOCK_FLOW.ingest(version, world.stores(company))
                assert company.calls >= at
                receipt = world.ingest(version)
                assert receipt.counts == Counts(received=10, accepted=7, duplicate=1, quarantined=2)
                assert world.rejected(receipt) == [(9, "one_price"), (10, "price_positive")]
                assert {item["owner"].rpartition("/")[0] for item in world.items()} == {
                    f"{version.stamp}/{version.id}/{receipt.run:06d}"
                }
        totals, files = world.ledger.totals("stocks"), len(calls) + 2
        assert (totals.objects, totals.counts.received) == (files, 10 * files)

    def _through(self, world: StockWorld) -> Receipt:
        return world.ingest(world.versions[-1])


@dataclass
class Company(Fate):
    """Before the n-th call that leaves the process, something else happens."""

    meanwhile: Callable[[], object] = lambda: None

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self.at:
            self.meanwhile()
        return function(*args, **kwargs)


class Row(NamedTuple):
    """A row of a file; a close of 0 is a bad one."""

    ticker: str
    second: int
    close: int


class Delivery(NamedTuple):
    """An event of a file, by its place in the history; the process dies at its `dies`-th call, 0 never."""

    file: int
    redo: bool
    dies: int
    after: bool


files = st.tuples(
    st.sampled_from(["a.csv", "a.csv", "b.csv"]),
    st.lists(st.builds(Row, st.sampled_from(["CSTA", "AGRU"]), st.integers(0, 2), st.integers(0, 2)), max_size=6),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[str, list[Row]]], list[Delivery]]:
    uploaded = draw(st.lists(files, min_size=2, max_size=5))
    again = draw(st.lists(st.integers(0, len(uploaded) - 1), max_size=3))
    order = draw(st.permutations([*range(len(uploaded)), *again]))
    redo, dies = st.sampled_from([False] * 4 + [True]), st.integers(0, 20)
    return uploaded, [Delivery(number, draw(redo), draw(dies), draw(st.booleans())) for number in order]


@settings(
    database=None,
    derandomize=True,
    deadline=None,
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories(), workers=st.sampled_from([1, 1, 2, 3]))
@pytest.mark.usefixtures("small_batches")
def test_any_history_gives_the_table_of_the_oracle(
    cloud: RunningStack, history: tuple[list[tuple[str, list[Row]]], list[Delivery]], workers: int
) -> None:
    """Any order, repetition, crash and company: every item is the first row of the newest file that names it."""
    uploaded, deliveries = history
    with stock_world(cloud) as world:
        versions = [world.put(key, *(bar(*row) for row in rows)) for key, rows in uploaded]

        def work(mine: Sequence[Delivery]) -> None:
            for each in mine:
                _delivered(world, versions[each.file], Fate(each.dies, each.after), redo=each.redo)

        with ThreadPoolExecutor(workers) as pool:
            for finished in [pool.submit(work, deliveries[n::workers]) for n in range(workers)]:
                finished.result(timeout=120)
        owners: dict[tuple[str, int], tuple[int, int]] = {}
        for number, (_, rows) in enumerate(uploaded):
            owners |= {row[:2]: (number, row.close) for row in reversed(rows) if row.close}
        assert world.closes() == {place: str(close) for place, (_, close) in owners.items()}
        receipts = [world.ledger.receipt(version.id) for version in versions]
        for number, ((_, rows), receipt) in enumerate(zip(uploaded, receipts, strict=True)):
            assert receipt
            _check_counts(world, receipt, rows, {place for place, (by, _) in owners.items() if by == number})
        found = [receipt.counts for receipt in receipts if receipt]
        assert world.ledger.totals("stocks").counts == sum(found, Counts())
        assert world.ledger.account("stocks/landed", "2026-11-20").counts == sum(found, Counts())


def _check_counts(world: StockWorld, receipt: Receipt, rows: Sequence[Row], owned: set[tuple[str, int]]) -> None:
    counts = receipt.counts
    assert counts.conserved
    assert counts.received == len(rows)
    places = {row[:2] for row in rows if row.close}
    assert len(owned) <= counts.accepted <= len(places)
    assert counts.quarantined >= sum(not row.close for row in rows)
    assert counts.superseded <= sum(bool(row.close) and row[:2] not in owned for row in rows)
    if not receipt.refused:
        assert len(world.rejected(receipt)) == counts.quarantined
    if places == owned:
        first = {row[:2]: row for row in reversed(rows) if row.close}
        assert counts.duplicate == sum(first.get(row[:2]) == row for row in rows) - len(first)


def _delivered(world: StockWorld, version: ObjectVersion, fate: Fate, *, redo: bool) -> None:
    """Work an event through; who was killed comes again, who met another worker comes again as the queue would."""
    for _ in range(MOST_ATTEMPTS):
        try:
            STOCK_FLOW.ingest(version, world.stores(fate), redo=redo)
        except DeadError:
            fate = Fate()
        except TransientError:
            fate, redo = Fate(), False
        else:
            return
    pytest.fail(f"{version.uri} was delivered {MOST_ATTEMPTS} times and is not in")
