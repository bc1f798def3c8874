"""Checks of the prod sets: each beats its baseline, speaks of all, is of the lake as it stands and as its specs say.

And those of their SQL tables: they are what the sets say, and were crawled since the sets were made.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from pipeline_assets.analytics.assets import (
    CRAWLERS,
    RESOURCE,
    WATCH,
    AnalyticsStoresResource,
    CrawlersResource,
    crawled_key,
    set_key,
)
from pipeline_assets.analytics.crawled import CrawledSet, look_through
from pipeline_assets.analytics.crawls import Crawl, trouble_of
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
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.storage.bucket import Bucket

BEATS_BASELINE, ALL_COVERED, OF_THE_LAKE = "beats_baseline", "all_covered", "of_the_lake_as_it_stands"
AS_SPECIFIED = "as_its_specs_say"
AS_THE_SET_SAYS, CRAWLED_SINCE = "as_the_set_says", "crawled_since_made"
#: The metadata that says for which event of the set a crawl was.
UP_TO = "up_to_event"
_LISTED, _NAMED = 20, 3
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


def _crawled_checks(prod_set: ProdSet) -> dg.AssetChecksDefinition:
    key = crawled_key(prod_set)
    same = dg.AssetCheckSpec(
        AS_THE_SET_SAYS,
        asset=key,
        description="Tables, columns, places and days are what specs and manifests of the set say, and each day has as "
        f"many rows. The sensor {WATCH} judges it after each crawl and counts the rows of the newest days that the "
        "crawl was for; a run counts those of all days.",
    )
    followed = dg.AssetCheckSpec(
        CRAWLED_SINCE,
        asset=key,
        description="Each materialization of the set was followed by a crawl that succeeded, or soon will be: within "
        "the hour.",
    )

    @dg.multi_asset_check(
        name=f"checks_of_crawled_{prod_set.name.replace('-', '_')}",
        specs=[same, followed],
        can_subset=False,
        retry_policy=RETRIES,
        required_resource_keys={CRAWLERS},
    )
    def judged(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        crawlers: CrawlersResource = getattr(context.resources, CRAWLERS)
        made = ShownCrawl.of(context.instance, prod_set)
        with crawlers.open() as stores:
            state = stores.crawlers[prod_set.name].look()
            yield as_the_set_says(prod_set, look_through(prod_set, stores))
        trouble = trouble_of(Crawl(), made.waiting_since, time.time())
        if made.waiting_since and state.last and not state.succeeded:
            trouble = f"the crawl failed: {state.message or 'Glue does not say why'}"
        yield crawled_since(prod_set, trouble)

    return judged


@dataclass(frozen=True, slots=True)
class ShownCrawl:
    """What Dagster shows of a set and of its crawls.

    Parameters
    ----------
    newest, told
        Number of the newest event of the set, and of the newest whose crawl was told; 0 where there is none.
    newest_at
        When the newest came, in seconds.
    """

    newest: int
    told: int
    newest_at: float

    @classmethod
    def of(cls, instance: dg.DagsterInstance, prod_set: ProdSet) -> "ShownCrawl":
        """Look it up."""
        made = instance.fetch_materializations(set_key(prod_set), limit=1).records
        crawled = instance.fetch_materializations(crawled_key(prod_set), limit=1).records
        said = crawled[0].asset_materialization if crawled else None
        number = said.metadata[UP_TO].value if said and UP_TO in said.metadata else 0
        return cls(
            made[0].storage_id if made else 0,
            number if isinstance(number, int) else 0,
            made[0].timestamp if made else 0.0,
        )

    @property
    def waiting_since(self) -> float | None:
        """When the newest event came, if no crawl for it was told."""
        return self.newest_at if self.newest > self.told else None


def as_the_set_says(prod_set: ProdSet, found: CrawledSet) -> dg.AssetCheckResult:
    """Judge what was found of the SQL tables of a set.

    Parameters
    ----------
    prod_set
        The set.
    found
        Its tables as they were found.

    Returns
    -------
    dg.AssetCheckResult
        With a sentence for each difference.
    """
    differences = found.differences
    rows = {day for table in found.tables for day in table.rows}
    more = f"; and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return dg.AssetCheckResult(
        asset_key=crawled_key(prod_set),
        check_name=AS_THE_SET_SAYS,
        passed=not differences,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{'; '.join(differences[:_NAMED])}{more}"
        if differences
        else f"{counted(len(found.tables), 'table')} of {counted(len(found.days), 'day')} are as the set says, "
        f"the rows of {counted(len(rows), 'day')} among them",
        metadata={
            "differences": len(differences),
            "days_counted": len(rows),
            "named": dg.MetadataValue.md("\n".join(f"- {each}" for each in differences[:_LISTED]) or "none"),
        },
    )


def crawled_since(prod_set: ProdSet, trouble: str) -> dg.AssetCheckResult:
    """Judge whether a set was crawled since it was made.

    Parameters
    ----------
    prod_set
        The set.
    trouble
        Why it was not, in a sentence; empty where it was, or soon will be.

    Returns
    -------
    dg.AssetCheckResult
        With that sentence.
    """
    return dg.AssetCheckResult(
        asset_key=crawled_key(prod_set),
        check_name=CRAWLED_SINCE,
        passed=not trouble,
        severity=dg.AssetCheckSeverity.ERROR,
        description=trouble or "each materialization was followed by a crawl, or soon will be",
    )


PROD_CHECKS = [*map(_set_checks, SETS), *map(_crawled_checks, SETS)]
