"""Checks of the lake: rows add up, few enough of a day are rejected, and what it refers to is there."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from pipeline_assets.curation.assets import CurationStoresResource
from pipeline_assets.curation.completion import LOADS_ASSET
from pipeline_assets.curation.references import Dangling, Keys
from pipeline_assets.curation.stores import CATALOG, FLOW
from pipeline_assets.datasets.calendar import RETAIL
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lineage.asset_keys import curated_key, raw_key
from pipeline_assets.lineage.conservation import conservation_check, days_of
from pipeline_assets.lineage.expected_days import no_day_missing_check
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.retries import RETRIES

#: The last days of a run that are looked through: every day up to each has to be read for its keys.
_DAYS = 31
_LISTED = 20


def _few_rejected(dataset: Dataset) -> dg.AssetChecksDefinition:
    key = curated_key(dataset)

    @dg.asset_check(
        asset=key,
        name="few_rejected",
        blocking=True,
        retry_policy=RETRIES,
        description=f"Of a day's rows at most {dataset.most_rejected:.0%} were rejected. Loads that break this get no "
        "completion marker, so nothing is made of them.",
    )
    def few_rejected(
        context: dg.AssetCheckExecutionContext, curation_stores: CurationStoresResource
    ) -> dg.AssetCheckResult:
        with curation_stores.open() as opened:
            days = days_of(context, key, load_days)
            counts = {day: opened.ledger.account(key.to_user_string(), day).counts for day in days}
        bad = {day: rows for day, rows in counts.items() if rows.quarantined > dataset.most_rejected * rows.received}
        lines = [f"| {day} | {rows.received} | {rows.quarantined} |" for day, rows in list(bad.items())[:_LISTED]]
        first = next(iter(bad), "")
        return dg.AssetCheckResult(
            passed=not bad,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{len(bad)} of {len(days)} days have too many rejected rows"
            + (f", {first} first: {bad[first].quarantined} of {bad[first].received}" if bad else ""),
            metadata={
                "days": dg.MetadataValue.md("\n".join(["| day | received | rejected |", "|---|---:|---:|", *lines]))
            },
        )

    return few_rejected


def _references(dataset: Dataset) -> dg.AssetChecksDefinition:
    key = curated_key(dataset)
    named = ", ".join(f"{each.column} is a key of {each.dataset}" for each in dataset.references)

    @dg.asset_check(
        asset=key,
        name="references",
        retry_policy=RETRIES,
        # The other datasets are read as they stand: what is on its way there may come a moment later.
        additional_deps=[dg.AssetKey(["curated", each.dataset]) for each in dataset.references],
        description=f"As of each of the last {_DAYS} days of the run, {named}. A warning: tables come one by one.",
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
            metadata={"first": _table("| day | column | not in | rows | such as |", "|---|---|---|---:|---|", rows)},
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
    *(_few_rejected(dataset) for dataset in CATALOG),
    *(_references(dataset) for dataset in CATALOG if dataset.references),
]
