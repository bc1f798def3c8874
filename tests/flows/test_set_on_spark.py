"""A set that Dagster makes of features that a job of Spark has worked out, submitted as it is in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import pytest

from pipeline_assets.analytics.assets import RESOURCE, set_asset, set_key
from pipeline_assets.analytics.feature_files import STAGED
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.analytics.stores import AnalyticsStores
from pipeline_assets.lineage.spark import SparkResource
from pipeline_assets.operations.access import Access
from pipeline_assets.spark.session import NoSparkError, check_spark
from tests.worlds.curated_shop import DAY
from tests.worlds.prod_sets import ProdWorld
from tests.worlds.spark import cloud_environment
from tests.worlds.steady_shop import steady_shop

ASSET = set_asset(RETAIL_COPILOT)
TABLE = "query_templates"


@dataclass
class Opened:
    """The stores of a world, as the resource opens them."""

    world: ProdWorld

    @contextmanager
    def open(self) -> Iterator[AnalyticsStores]:
        yield self.world.stores()


def made(world: ProdWorld, engine: str) -> dict[str, dg.MetadataValue]:
    """The metadata of the set after a run in which a person has chosen the engine."""
    run = dg.materialize(
        [ASSET],
        partition_key=DAY.isoformat(),
        instance=dg.DagsterInstance.ephemeral(),
        resources={RESOURCE: Opened(world), "spark": SparkResource()},
        run_config={"ops": {ASSET.op.name: {"config": {"engine": engine}}}},
    )
    (event,) = run.asset_materializations_for_node(ASSET.op.name)
    assert event.asset_key == set_key(RETAIL_COPILOT)
    return dict(event.metadata)


@pytest.mark.xdist_group("spark")
def test_a_set_is_made_on_either_engine_and_says_which(bare_cloud: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        check_spark()
    except NoSparkError as error:
        pytest.skip(f"not run on Spark: {error}")
    for name, value in cloud_environment(bare_cloud).items():
        monkeypatch.setenv(name, value)
    world = ProdWorld.made(bare_cloud)
    world.put(steady_shop())
    world.complete(DAY)
    here = made(world, "polars")
    assert (here["engine"].value, here[f"rows_{TABLE}"].value) == ("polars", 1)
    rows = world.rows(RETAIL_COPILOT, TABLE, DAY)
    there = made(world, "spark")
    assert (there["engine"].value, there[f"rows_{TABLE}"].value) == ("spark", 1)
    assert there["spark_input_bytes"].value == sum(
        each.size for each in world.stores().curated.objects("query_log/") if each.key.endswith("part.parquet")
    )
    assert int(str(there["spark_tasks"].value)) > 0
    assert world.rows(RETAIL_COPILOT, TABLE, DAY).equals(rows)
    assert world.published(RETAIL_COPILOT, DAY) == 2
    assert not list(world.stores().curated.objects(STAGED))
