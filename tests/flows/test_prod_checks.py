"""The checks of a prod set, run by Dagster on what was published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from pipeline_assets.analytics.assets import RESOURCE, set_asset, set_key
from pipeline_assets.analytics.checks import PROD_CHECKS
from pipeline_assets.analytics.publish import table_key
from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.analytics.stores import AnalyticsStores
from pipeline_assets.lineage.spark import SparkResource
from pipeline_assets.operations.access import Access
from tests.worlds.curated_shop import DAY
from tests.worlds.prod_sets import ProdWorld
from tests.worlds.steady_shop import steady_shop

KEY = set_key(RETAIL_COPILOT)
ASSET = set_asset(RETAIL_COPILOT)
CHECKS = next(each for each in PROD_CHECKS if KEY in {check.asset_key for check in each.check_keys})


@dataclass
class Opened:
    """The stores of a world, as the resource opens them."""

    world: ProdWorld

    @contextmanager
    def open(self) -> Iterator[AnalyticsStores]:
        yield self.world.stores()


def judged(world: ProdWorld, instance: dg.DagsterInstance, day: str | None) -> dict[str, tuple[bool, str]]:
    """What each check says after a run that makes a day, or of the checks alone."""
    checks = dg.AssetSelection.checks(*CHECKS.check_keys)
    run = dg.materialize(
        [ASSET, CHECKS],
        partition_key=day,
        instance=instance,
        resources={RESOURCE: Opened(world), "spark": SparkResource()},
        selection=checks | dg.AssetSelection.assets(ASSET) if day else checks,
    )
    return {each.check_name: (each.passed, str(each.description)) for each in run.get_asset_check_evaluations()}


def test_tables_that_were_written_over_are_told_until_the_day_is_made_again(bare_cloud: Access) -> None:
    world, instance, day = ProdWorld.made(bare_cloud), dg.DagsterInstance.ephemeral(), DAY.isoformat()
    world.put(steady_shop())
    world.complete(DAY)
    fine = judged(world, instance, day)
    assert {name: passed for name, (passed, _) in fine.items()} == {
        "beats_baseline": True,
        "all_covered": True,
        "of_the_lake_as_it_stands": True,
        "as_its_specs_say": True,
    }
    bucket = world.stores().targets[RETAIL_COPILOT.name]
    other = bucket.read(table_key("query_reformulations", DAY)) or b""
    world.access.s3.put_object(Bucket=bucket.name, Key=table_key("query_templates", DAY), Body=other)
    faults = ("has no column queries; expected bigint", "has 0 rows; its manifest says 1")
    said = "; ".join(f"{day}: query_templates {fault}" for fault in faults)
    assert judged(world, instance, None)["as_its_specs_say"] == (False, said)
    assert judged(world, instance, day)["as_its_specs_say"][0]
