"""What a lake says of a source, against the source itself: whatever clocks wrote its times, and whatever came back."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipeline_assets.datasets.ecommerce import ORDERS
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.raw.extract import Request, export
from pipeline_assets.raw.source import SourceDatabase
from tests.worlds.examples import seeds
from tests.worlds.extracts import ExtractWorld, on_databases, quick_world_of
from tests.worlds.source import orders

#: As the guide on SQL has it.
CURRENT = """
WITH known AS (
  SELECT *, max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
    PARTITION BY order_id
  ) AS last_gone
  FROM versions
), placed AS (
  SELECT *, row_number() OVER (
    PARTITION BY order_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
  ) AS place
  FROM known WHERE _load_id >= last_gone
)
SELECT order_id, status FROM placed WHERE place = 1 AND NOT _deleted ORDER BY order_id
"""
SOUND = {"channel": "store", "currency": "EUR"}
STATES = ("placed", "paid", "shipped", "returned")
FULL = Request("full", datasets=(ORDERS,), keys=True, many_deleted=True)
SINCE = replace(FULL, mode="incremental")
BARE = replace(FULL, keys=False, many_deleted=False)
NEW = replace(SINCE, keys=False, many_deleted=False)


@dataclass(frozen=True)
class Row:
    """An order as it stands in the shop."""

    status: str
    at: datetime


class Shop:
    """A shop whose clock is its own, its lake, and what stands in it: the oracle."""

    def __init__(self, world: ExtractWorld, told: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.told = world, told
        self.rows: dict[int, Row] = {}
        self.gone: dict[int, Row] = {}
        self.loads: list[Manifest] = []
        self.clock = datetime.now(UTC) - timedelta(days=20)
        self.offsets = [timedelta(hours=told.choice([-9, -5, 0, 0, 5, 20])) for _ in range(told.choice([1, 2]))]
        monkeypatch.setattr(SourceDatabase, "now", lambda _: self.clock)

    def put(self, key: int, row: Row) -> None:
        self.world.database.put("orders", orders(key, 1, row.at, ordered_at=row.at, status=row.status, **SOUND))
        self.rows[key] = row
        self.gone.pop(key, None)

    def change(self) -> None:
        """Add a row, or change one, at the time of one of the shop's clocks."""
        offset = self.told.choice(self.offsets)
        self.put(self.told.randrange(1, 8), Row(self.told.choice(STATES), self.clock + offset))

    def delete(self) -> None:
        for key in self.told.sample(sorted(self.rows), min(len(self.rows), self.told.randrange(1, 4))):
            self.world.database.run(f"DELETE FROM `orders` WHERE `order_id` = {key}")  # noqa: S608
            self.gone[key] = self.rows.pop(key)

    def put_back(self) -> None:
        """Put rows back as they were, with the times that they had."""
        for key, row in list(self.gone.items()):
            self.put(key, row)

    def load(self) -> None:
        request = self.told.choice([FULL, SINCE, SINCE, NEW])
        self.loads.append(export(request, self.world.stores))

    def lives(self) -> None:
        """One thing happens, some minutes, hours or days after the last."""
        self.clock += timedelta(minutes=self.told.choice([1, 7, 90, 60 * 13, 60 * 30]))
        self.told.choice([self.change, self.change, self.delete, self.put_back, self.load, self.load])()

    def said(self, directory: Path) -> list[tuple[int, str]]:
        """The orders by what the lake says."""
        days = self.world.curated(ORDERS, self.loads, directory)
        frames = [day.rows.collect().with_columns(pl.lit(name).alias("date")) for name, day in days.items()]
        versions = pl.concat(frames)
        with duckdb.connect() as connection:
            return connection.register("versions", versions).execute(CURRENT).fetchall()

    @property
    def stands(self) -> list[tuple[int, str]]:
        return sorted((key, row.status) for key, row in self.rows.items())


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> ExtractWorld:
    return quick_world_of(request, tmp_path)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", seeds(25))
@pytest.mark.parametrize("last", [FULL, SINCE], ids=["full", "keys"])
def test_a_lake_says_what_stands_in_the_source(
    world: ExtractWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, last: Request
) -> None:
    shop = Shop(world, random.Random(seed), monkeypatch)
    shop.change()
    if last is SINCE:
        # What is compared has to be written down once.
        shop.loads.append(export(FULL, world.stores))
    for _ in range(14):
        shop.lives()
    shop.clock += timedelta(minutes=3)
    shop.loads.append(export(last, world.stores))
    assert shop.said(tmp_path) == shop.stands


def shop_on_time(world: ExtractWorld, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop(world, random.Random(0), monkeypatch)
    shop.offsets = [timedelta(0)]
    return shop


@on_databases(
    hours={"13 behind": -13, "5 behind": -5, "36 minutes behind": -0.6, "on time": 0},
    first={"full": FULL, "full, no keys": BARE, "new": NEW},
    last={"full": FULL, "full, no keys": BARE, "keys": SINCE, "new": NEW},
)
def test_a_change_that_another_clock_writes_is_what_counts(
    world: ExtractWorld,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: float,
    first: Request,
    last: Request,
) -> None:
    shop = shop_on_time(world, monkeypatch)
    shop.put(1, Row("placed", shop.clock))
    shop.put(2, Row("placed", shop.clock))
    shop.clock += timedelta(minutes=1)
    shop.loads.append(export(first, world.stores))
    shop.clock += timedelta(minutes=30)
    shop.put(1, Row("returned", shop.clock + timedelta(hours=hours)))
    shop.clock += timedelta(minutes=1)
    shop.loads.append(export(last, world.stores))
    assert shop.said(tmp_path) == [(1, "returned"), (2, "placed")]
    for request in (NEW, SINCE):
        # What was set back once is left in peace.
        shop.clock += timedelta(hours=2)
        shop.loads.append(export(request, world.stores))
        assert "deleted" not in str(shop.loads[-1].objects)
    assert shop.said(tmp_path) == [(1, "returned"), (2, "placed")]


@pytest.mark.parametrize("world", ["sqlite", "mariadb"], indirect=True)
class TestCameBack:
    """The kinds by themselves."""

    def loaded(self, shop: Shop, request: Request) -> None:
        shop.clock += timedelta(hours=30)
        shop.loads.append(export(request, shop.world.stores))

    @pytest.mark.parametrize("last", [FULL, SINCE], ids=["full", "keys"])
    @pytest.mark.parametrize("older", [timedelta(0), timedelta(days=40)])
    def test_a_row_that_is_put_back_with_an_old_time_is_there(
        self, world: ExtractWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Request, older: timedelta
    ) -> None:
        shop = shop_on_time(world, monkeypatch)
        shop.put(1, Row("paid", shop.clock))
        self.loaded(shop, FULL)
        shop.delete()
        self.loaded(shop, SINCE)
        assert shop.said(tmp_path) == []
        shop.put(1, replace(shop.gone[1], status="placed", at=shop.gone[1].at - older))
        self.loaded(shop, last)
        assert shop.said(tmp_path) == [(1, "placed")]

    @pytest.mark.parametrize("last", [FULL, SINCE], ids=["full", "keys"])
    def test_a_row_that_comes_late_with_a_time_between_two_looks_is_there(
        self, world: ExtractWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Request
    ) -> None:
        shop = shop_on_time(world, monkeypatch)
        self.loaded(shop, FULL)
        between = shop.clock + timedelta(hours=20)
        self.loaded(shop, NEW)
        self.loaded(shop, NEW)
        shop.put(1, Row("placed", between))
        shop.put(2, Row("paid", between))
        self.loaded(shop, last)
        assert shop.said(tmp_path) == [(1, "placed"), (2, "paid")]
        # What a load has read is not read again.
        self.loaded(shop, SINCE)
        assert shop.loads[-1].objects == ()

    def test_what_a_load_that_died_saw_is_seen_again(
        self, world: ExtractWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = shop_on_time(world, monkeypatch)
        shop.put(1, Row("placed", shop.clock))
        self.loaded(shop, FULL)
        self.loaded(shop, FULL)
        shop.put(2, Row("placed", shop.clock - timedelta(days=9)))
        shop.clock += timedelta(hours=30)
        with monkeypatch.context() as dying:
            dying.setattr(SourceDatabase, "rows", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                export(SINCE, world.stores)
        self.loaded(shop, SINCE)
        assert shop.said(tmp_path) == [(1, "placed"), (2, "placed")]

    @pytest.mark.parametrize("last", [FULL, SINCE], ids=["full", "keys"])
    def test_a_row_whose_time_is_to_come_is_gone_when_it_is_deleted(
        self, world: ExtractWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: Request
    ) -> None:
        shop = shop_on_time(world, monkeypatch)
        shop.put(1, Row("paid", shop.clock + timedelta(hours=45)))
        self.loaded(shop, FULL)
        assert shop.said(tmp_path) == [(1, "paid")]
        shop.delete()
        self.loaded(shop, last)
        assert shop.said(tmp_path) == []
