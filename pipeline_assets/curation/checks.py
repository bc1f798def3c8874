"""Checks of the lake: rows add up, few enough are rejected, and what a day refers to is there."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipeline_assets.curation.assets import CurationStoresResource
from pipeline_assets.curation.completion import LOADS_ASSET
from pipeline_assets.curation.references import Dangling, Keys
from pipeline_assets.curation.stores import CATALOG, FLOW
from pipeline_assets.datasets.calendar import RETAIL
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.flows import flow_row
from pipeline_assets.lineage.asset_keys import curated_key, raw_key
from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.checks import rejection_checks
from pipeline_assets.lineage.conservation import conservation_check, days_of
from pipeline_assets.lineage.expected_days import no_day_missing_check
from pipeline_assets.lineage.flows import anchor_of
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.retries import RETRIES

#: The last days of a run that are looked through: every day up to each has to be read for its keys.
_DAYS = 31
_LISTED = 20


def _rejections(key: dg.AssetKey, dataset: Dataset) -> list[dg.AssetChecksDefinition]:
    """The checks of what is open; those of the anchor are made from the row of its flow."""
    row = flow_row(FLOW)
    return [] if key == anchor_of(row) else rejection_checks(key, row, dataset.most_rejected)


def _references(dataset: Dataset) -> dg.AssetChecksDefinition:
    key = curated_key(dataset)
    named = ", ".join(f"{each.column} is a key of {each.dataset}" for each in dataset.references)

    @dg.asset_check(
        asset=key,
        name="references",
        retry_policy=RETRIES,
        automation_condition=SOON_AFTER,
        description=f"As of each of the last {_DAYS} days of the run, {named}. A warning: tables come one by "
        "one. The other datasets are read as they stand.",
    )
    def references(
        context: dg.AssetCheckExecutionContext, curation_stores: CurationStoresResource
    ) -> dg.AssetCheckResult:
        with curation_stores.open() as opened:
            keys = Keys(opened)
            found = [each for day in days_of(context, key, load_days)[-_DAYS:] for each in keys.dangling(dataset, day)]
        rows = [_row(each) for each in found[:_LISTED]]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{sum(each.rows for each in found)} rows refer to what is not there",
            metadata={
                "rows_dangling": sum(each.rows for each in found),
                "days_bad": len({each.day for each in found}),
                "first": _table("| day | column | not in | rows | such as |", "|---|---|---|---:|---|", rows),
            },
        )

    return references


def _row(dangling: Dangling) -> str:
    refers, shown = dangling.reference, cell(", ".join(dangling.shown))
    return f"| {dangling.day} | {refers.column} | {refers.dataset} | {dangling.rows} | {shown} |"


def _table(head: str, line: str, rows: Sequence[str]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.md("\n".join([head, line, *rows]))


CURATION_CHECKS = [
    *(conservation_check(key(dataset), load_days, FLOW) for dataset in CATALOG for key in (raw_key, curated_key)),
    no_day_missing_check(dg.AssetKey.from_user_string(LOADS_ASSET), RETAIL),
    *(check for dataset in CATALOG for key in (raw_key, curated_key) for check in _rejections(key(dataset), dataset)),
    *(_references(dataset) for dataset in CATALOG if dataset.references),
]
