"""A curated day is the same whichever engine works it out: rows, their order and types, accounts, what is rejected."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline_assets.curation.ingest import is_worked_out, recurate_day
from pipeline_assets.curation.spark_days import SparkDays, changes_of
from pipeline_assets.curation.spark_tasks import DayTasks
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Between, Contract, Dataset, Rule
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.pieces import STAGING, Staging
from pipeline_assets.spark.session import PARTITION_BYTES
from pipeline_assets.spark.splits import read_splits
from tests.worlds.curation import DAY, MORNING, ORDERS, STORES, CurationWorld, frame, row
from tests.worlds.examples import seeds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: Orders as a shop may change its mind about them: one row too dear refuses its object, unknown columns are kept.
HALTING = replace(
    ORDERS,
    rules=(
        Rule("total_possible", "halt", "a total below a million", Between("total", most=Decimal(1_000_000))),
        *ORDERS.rules,
    ),
    contract=Contract(unknown="evolve"),
)
DROPPING = replace(STORES, contract=Contract(unknown="discard"))
CATALOG = Catalog("ecommerce", (HALTING, DROPPING))
_SPLIT_BYTES = 4_000


@pytest.fixture
def world(bare_cloud: Access) -> CurationWorld:
    made = CurationWorld.made(bare_cloud)
    made.catalog = CATALOG
    return made


def _bytes(content: pl.DataFrame, rows_at_a_time: int) -> bytes:
    written = io.BytesIO()
    content.write_parquet(written, row_group_size=rows_at_a_time, compression="uncompressed")
    return written.getvalue()


def _rows(dataset: Dataset, chance: random.Random, keys: int, number: int) -> list[dict[str, Any]]:
    spoiled: dict[str, list[dict[str, Any]]] = {
        "orders": [{"order_id": 0}, {"status": "lost"}, {"currency": None}, {"total": Decimal("-1.00")}],
        "stores": [{"store_id": -1}, {"country": "usa"}, {"name": None}],
    }
    return [
        row(
            dataset,
            chance.randint(1, keys),
            updated_at=MORNING + timedelta(minutes=chance.randint(0, 5)),
            **(chance.choice(spoiled[dataset.name]) if chance.random() < 0.1 else {}),
        )
        for _ in range(number)
    ]


def _put_random_day(world: CurationWorld, dataset: Dataset, chance: random.Random) -> None:
    """Objects of three loads, small and of many row groups, with all that can be wrong with one."""
    keys = chance.choice([20, 300])
    key = dataset.key[0]
    for load in range(3):
        for part in range(1, chance.randint(2, 4)):
            content = frame(dataset, _rows(dataset, chance, keys, chance.choice([0, 7, 400])))
            change = chance.choice(["none", "none", "unknown", "mistyped", "nested"])
            if change == "unknown":
                content = content.with_columns(
                    pl.Series("note", [f"card 4111111111111111 {n}" for n in range(len(content))])
                )
            if change == "mistyped":
                texts = [str(each) if chance.random() < 0.9 else "many" for each in content[key]]
                content = content.with_columns(pl.Series(key, texts, pl.String))
            if change == "nested":
                content = content.with_columns(pl.struct(key).alias("inner"))
            world.put(dataset, _bytes(content, 90), load=load, part=f"{part:04d}")
        gone = chance.sample(range(1, keys + 1), 5)
        moments = [MORNING + timedelta(minutes=load)] * 5
        world.put(dataset, pl.DataFrame({key: gone, "deleted_at": moments}), load=load, part="deleted")


def _put_refused(world: CurationWorld, dataset: Dataset) -> None:
    sound = frame(dataset, [row(dataset, each) for each in range(1, 400)])
    world.put(dataset, b"no Parquet at all", load=5, part="0001")
    world.put(dataset, b"", load=5, part="0002")
    world.put(dataset, sound.drop("updated_at"), load=5, part="0003")
    world.put(dataset, sound.with_columns(pl.lit("4111111111111111").alias("card_number")), load=5, part="0004")
    world.put(dataset, sound.head(3).with_columns(pl.lit(-1).alias(dataset.key[0])), load=5, part="0005")
    broken = bytearray(_bytes(sound, 90))
    broken[len(broken) // 2 : len(broken) // 2 + 600] = b"\xff" * 600
    world.put(dataset, bytes(broken), load=5, part="0006")
    if dataset is HALTING:
        dear = [
            row(dataset, each, total=Decimal("2000000.00") if each in {250, 390} else Decimal(1))
            for each in range(1, 400)
        ]
        world.put(dataset, _bytes(frame(dataset, dear), 90), load=6)


class Seen:
    """What stands after a day was worked out."""

    def __init__(self, world: CurationWorld, dataset: Dataset, receipts: list[Receipt]) -> None:
        self.day = world.access.s3.get_object(Bucket=world.curated, Key=f"{dataset.name}/date={DAY}/part.parquet")
        self.content = pl.read_parquet(io.BytesIO(self.day["Body"].read()))
        self.account = world.account(dataset)
        self.rejected = {each.id: world.rejected(each) for each in receipts}
        self.told = {each.id: (each.counts, each.refused, each.partitions, dict(each.effects)) for each in receipts}
        self.runs = {each.run for each in receipts}
        ledger, asset = world.stores().ledger, f"curated/{dataset.name}"
        assert ledger.account(asset, DAY) == ledger.recount(asset, DAY)
        assert ledger.account(asset, DAY).counts == self.account.counts
        assert self.account.counts.conserved
        assert self.account.counts.accepted == self.content.height

    def require_same(self, other: Seen) -> None:
        assert self.content.schema == other.content.schema
        assert self.content.equals(other.content)
        assert self.account == other.account
        assert self.rejected == other.rejected
        assert self.told == other.told


@pytest.mark.parametrize("dataset", [HALTING, DROPPING], ids=lambda each: each.name)
@pytest.mark.parametrize("seed", seeds(3))
def test_a_random_day_is_the_same_on_both_engines_one_after_the_other(
    spark_on_cloud: SparkSession, world: CurationWorld, dataset: Dataset, seed: int
) -> None:
    _put_random_day(world, dataset, random.Random(seed))
    _put_refused(world, dataset)
    engine = SparkDays(spark_on_cloud, split_bytes=_SPLIT_BYTES)
    first = Seen(world, dataset, recurate_day(dataset, DAY, world.stores()))
    again = Seen(world, dataset, recurate_day(dataset, DAY, world.stores(), engine=engine))
    again.require_same(first)
    assert (first.runs, again.runs) == ({1}, {2})
    assert any(each.counts.duplicate for each in first.account.sources)
    assert any(each.counts.superseded for each in first.account.sources)
    assert sum(bool(each.refused) for each in first.account.sources) == 6 + (dataset is HALTING)
    assert is_worked_out(dataset, DAY, world.stores())
    assert not list(world.stores().curated.objects(STAGING))


def test_the_plan_of_a_day_has_one_shuffle_and_no_join_and_brings_nothing_to_the_driver(
    spark: SparkSession,
) -> None:
    tasks = DayTasks(STORES, (), Staging("curated", "_staging/"))
    rows = read_splits(spark, [], tasks.judge, tasks.index)
    plan = str(changes_of(rows, STORES, [0])._jdf.queryExecution().executedPlan().toString())  # noqa: SLF001
    assert plan.startswith("AdaptiveSparkPlan")
    assert plan.count("Exchange") == 1
    assert "Exchange hashpartitioning(store_id" in plan
    assert not [node for node in ("Join", "Collect", "Broadcast", "SinglePartition") if node in plan]
    for setting in ("enabled", "coalescePartitions.enabled", "skewJoin.enabled"):
        assert spark.conf.get(f"spark.sql.adaptive.{setting}") == "true"
    assert spark.conf.get("spark.sql.adaptive.advisoryPartitionSizeInBytes") == str(PARTITION_BYTES)


def test_a_key_that_most_rows_have_is_settled_as_any_other(spark_on_cloud: SparkSession, world: CurationWorld) -> None:
    for part in (1, 2):
        hot = [row(DROPPING, 1, updated_at=MORNING + timedelta(seconds=each * part)) for each in range(3_000)]
        cold = [row(DROPPING, part * 1_000 + each) for each in range(10)]
        world.put(DROPPING, _bytes(frame(DROPPING, [*hot, *cold]), 500), part=f"{part:04d}")
    engine = SparkDays(spark_on_cloud, split_bytes=_SPLIT_BYTES)
    again = Seen(world, DROPPING, recurate_day(DROPPING, DAY, world.stores(), engine=engine))
    again.require_same(Seen(world, DROPPING, recurate_day(DROPPING, DAY, world.stores())))
    assert again.content.height == 21
