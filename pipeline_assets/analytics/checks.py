"""Checks of the prod sets: each beats its baseline, speaks of all, is of the lake as it stands and as its specs say."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from pipeline_assets.analytics.assets import RESOURCE, AnalyticsStoresResource, set_key
from pipeline_assets.analytics.make import stale_days
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.publish import SetManifest, published_faults, read_manifest
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.analytics.stores import AnalyticsStores
from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.conservation import days_of
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.storage.bucket import Bucket

BEATS_BASELINE, ALL_COVERED, OF_THE_LAKE = "beats_baseline", "all_covered", "of_the_lake_as_it_stands"
AS_SPECIFIED = "as_its_specs_say"
_LISTED = 20
#: The last days of a run whose tables are read.
_DAYS = 31


def _set_checks(prod_set: ProdSet) -> dg.AssetChecksDefinition:
    key = set_key(prod_set)
    beats = dg.AssetCheckSpec(
        BEATS_BASELINE,
        asset=key,
        automation_condition=SOON_AFTER,
        description="On what it had not seen, each model of the newest day of the run is at least as good as its naive "
        "baseline. A warning: a model that is not is told, and published beside the baseline.",
    )
    covered = dg.AssetCheckSpec(
        ALL_COVERED,
        asset=key,
        automation_condition=SOON_AFTER,
        description="All customers, payments and stores that the lake has as of each day are in the tables or "
        "accounted for.",
    )
    of_lake = dg.AssetCheckSpec(
        OF_THE_LAKE,
        asset=key,
        automation_condition=SOON_AFTER,
        description="Every day of the set was made of the lake as it stands: a later correction of a load day makes "
        "the days from it on stale until they are materialized again.",
    )
    specified = dg.AssetCheckSpec(
        AS_SPECIFIED,
        asset=key,
        automation_condition=SOON_AFTER,
        description=f"The tables of each of the last {_DAYS} days of the run, as they lie in the bucket, are as their "
        "specs say: columns and types, a value where there has to be one, each key once, every rule; and they have the "
        "rows that their manifest tells.",
    )

    @dg.multi_asset_check(
        name=f"checks_of_{prod_set.name.replace('-', '_')}",
        specs=[beats, covered, of_lake, specified],
        can_subset=False,
        retry_policy=RETRIES,
        required_resource_keys={RESOURCE},
    )
    def judged(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        days = days_of(context, key, load_days)
        stores_of: AnalyticsStoresResource = getattr(context.resources, RESOURCE)
        with stores_of.open() as stores:
            bucket = stores.targets[prod_set.name]
            manifests = [each for day in days if (each := read_manifest(bucket, date.fromisoformat(day)))]
            yield _beats(key, manifests[-1:])
            yield _covered(key, manifests)
            yield _of_the_lake(key, prod_set, stores)
            yield _as_specified(key, prod_set, days[-_DAYS:], bucket)

    return judged


def _beats(key: dg.AssetKey, manifests: list[SetManifest]) -> dg.AssetCheckResult:
    scores = [score for manifest in manifests for table in manifest.tables.values() for score in table.scores]
    worse = [score for score in scores if not score.beats]
    lines = [f"| {score.name} | {score.value:.4g} | {score.baseline:.4g} |" for score in scores]
    told = "; ".join(f"{score.name} {score.value:.4g}, its baseline {score.baseline:.4g}" for score in worse or scores)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=BEATS_BASELINE,
        passed=not worse,
        severity=dg.AssetCheckSeverity.WARN,
        description=told or "there is no score: nothing was foretold, or too little is known to hold a part of it out",
        metadata={
            **{score.name: score.value for score in scores},
            **{f"{score.name}_baseline": score.baseline for score in scores},
            "scores": dg.MetadataValue.md("\n".join(["| score | model | baseline |", "|---|---:|---:|", *lines])),
        },
    )


def _covered(key: dg.AssetKey, manifests: list[SetManifest]) -> dg.AssetCheckResult:
    found = [(manifest.as_of, each) for manifest in manifests for table in manifest.tables.values()
             for each in table.coverage]  # fmt: skip
    lacking = [(day, each) for day, each in found if each.found != each.known]
    lines = [f"| {day} | {cell(each.things)} | {each.found} | {each.known} |" for day, each in (lacking or found)]
    said = "; ".join(f"{day}: {each.found} of {each.known} {each.things}" for day, each in (lacking or found)[:3])
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=ALL_COVERED,
        passed=not lacking,
        severity=dg.AssetCheckSeverity.ERROR,
        description=said or "the set is of nothing that could be counted",
        metadata={
            "missing": sum(each.known - each.found for _, each in lacking),
            "coverage": dg.MetadataValue.md(
                "\n".join(["| as of | | in the set | in the lake |", "|---|---|---:|---:|", *lines[:_LISTED]])
            ),
        },
    )


def _of_the_lake(key: dg.AssetKey, prod_set: ProdSet, stores: AnalyticsStores) -> dg.AssetCheckResult:
    stale = stale_days(prod_set, stores.curated, stores.targets[prod_set.name])
    named = ", ".join(stale[:_LISTED])
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=OF_THE_LAKE,
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(stale)} days were made of a lake that has changed since: {named}. Materialize them again."
        if stale
        else "every day was made of the lake as it stands",
        metadata={"days_stale": len(stale)},
    )


def _as_specified(key: dg.AssetKey, prod_set: ProdSet, days: Sequence[str], bucket: Bucket) -> dg.AssetCheckResult:
    found = [(day, each) for day in days for each in published_faults(prod_set, date.fromisoformat(day), bucket)]
    lines = [f"| {day} | {cell(fault)} |" for day, fault in found[:_LISTED]]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=AS_SPECIFIED,
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(f"{day}: {fault}" for day, fault in found[:3]) or "all tables are as their specs say",
        metadata={
            "faults": len(found),
            "days_read": len(days),
            "first": dg.MetadataValue.md("\n".join(["| as of | |", "|---|---|", *lines])),
        },
    )


PROD_CHECKS = [_set_checks(prod_set) for prod_set in SETS]
