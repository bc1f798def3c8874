"""How Spark works features out: nothing is collected, exchanges are bounded, and a skewed join is cut.

The rows of the tests are few; the plans are those of many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline_assets.analytics.features import sold_lines
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.spark_features import SparkDay, partitions_of
from pipeline_assets.curation.stores import CATALOG
from pipeline_assets.lake.spark_as_of import SparkLake
from pipeline_assets.operations.access import Access
from tests.worlds.curated_shop import DAY, CuratedShop
from tests.worlds.spark_sets import put_days

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_PARTITIONS = 7
#: Sizes of a test instead of those of a shop: what is over a kilobyte and twice the usual is a large partition.
_SMALL = {
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.autoBroadcastJoinThreshold": "-1",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "1k",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": "2",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "1k",
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
}
#: What brings rows to the driver, or puts all rows of a value into one task.
_NOT_BOUNDED = r"Broadcast\w*|CartesianProduct|Collect\w*|TakeOrdered\w*|\w*Limit\b"


@contextmanager
def settings_of(session: SparkSession, settings: dict[str, str]) -> Iterator[None]:
    """Settings of the session as long as the block lasts."""
    before = {name: session.conf.get(name, None) for name in settings}
    for name, value in settings.items():
        session.conf.set(name, value)
    try:
        yield
    finally:
        for name, known in before.items():
            session.conf.unset(name) if known is None else session.conf.set(name, known)


def plan_of(frame: DataFrame) -> str:
    return str(frame._jdf.queryExecution().executedPlan().toString())  # noqa: SLF001 - there is no public way


def test_no_feature_is_collected_and_exchanges_are_bounded(spark_on_cloud: SparkSession, bare_cloud: Access) -> None:
    shop = CuratedShop()
    shop.order(1, DAY, 5)
    bucket = put_days(shop.bucket(), bare_cloud)
    with settings_of(spark_on_cloud, {"spark.sql.shuffle.partitions": str(_PARTITIONS)}):
        day = SparkDay(spark_on_cloud, SparkLake(spark_on_cloud, DAY, bucket, CATALOG))
        for name, feature in {name: each for found in SETS for name, each in found.features.items()}.items():
            plan = plan_of(feature(day).to_native())
            assert plan.startswith("AdaptiveSparkPlan"), name
            assert not re.findall(_NOT_BOUNDED, plan), name
            exchanges = re.findall(r"Exchange (\w+)(?:\(.*, (\d+)\))?.*\n[^\w]*(\w+)", plan)
            assert exchanges, name
            for kind, partitions, below in exchanges:
                if kind == "SinglePartition":
                    assert below == "HashAggregate", f"{name}: only sums of each partition come together in one"
                else:
                    assert (kind[-12:], partitions) == ("partitioning", str(_PARTITIONS)), name
        day.forget()


def test_partitions_grow_with_what_is_read() -> None:
    assert [partitions_of(size) for size in (0, 1 << 20, 1 << 30, 1 << 40)] == [2, 2, 128, 131_072]


def test_lines_of_a_product_that_all_buy_are_cut_into_several_tasks(
    spark_on_cloud: SparkSession, bare_cloud: Access
) -> None:
    shop = CuratedShop()
    for number in range(40):
        shop.put("products", DAY, product_id=number, category=f"category {number}")
    for number in range(800):
        shop.order(1, DAY, 5, product=number % 40 if number % 8 == 0 else 1)
    bucket = put_days(shop.bucket(), bare_cloud)
    with settings_of(spark_on_cloud, {**_SMALL, "spark.sql.shuffle.partitions": str(_PARTITIONS)}):
        day = SparkDay(spark_on_cloud, SparkLake(spark_on_cloud, DAY, bucket, CATALOG))
        sold = sold_lines(day).to_native().select("order_id", "category", "amount")
        assert len(sold.collect()) == 800
        joins = re.findall(r"SortMergeJoin(\S*) \[(\w+)#", plan_of(sold))
    assert ("(skew=true)", "product_id") in joins
