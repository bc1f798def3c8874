"""The watch over the crawlers, and the one over sets that are asked for.

What was made of a set starts its crawler, whose end materializes its SQL tables.

What was told is what Dagster shows, what is planned is in the cursor, what runs is what Glue says: each step may be
done again. The daemon stores the events of a tick before its cursor: after a death in between, the next tick finds the
events in Dagster.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

import dagster as dg

from pipeline_assets.analytics.assets import (
    PROD,
    WATCH,
    AnalyticsStoresResource,
    CrawlersResource,
    crawled_key,
    set_key,
)
from pipeline_assets.analytics.checks import UP_TO, ShownCrawl, as_the_set_says, crawled_since
from pipeline_assets.analytics.crawled import CrawledSet, look_through
from pipeline_assets.analytics.crawlers import CrawledStores, Crawler
from pipeline_assets.analytics.crawls import Crawl, CrawlerState, Step, failed, is_due, next_step, trouble_of
from pipeline_assets.analytics.prod_set import ProdSet
from pipeline_assets.analytics.requests import RequestedSet, requested_sets
from pipeline_assets.analytics.sets import SETS
from pipeline_assets.errors import TransientError
from pipeline_assets.lineage.asked_runs import STARTED_AT_ONCE, asked_run, is_started
from pipeline_assets.lineage.checks import evaluation_of
from pipeline_assets.lineage.evaluations import shown_evaluation
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.partitions import load_days
from pipeline_assets.lineage.sentences import counted
from pipeline_assets.lineage.tick_time import CHECKS_END, TickTime
from pipeline_assets.storage.documents import from_json, to_json

Told: TypeAlias = dg.AssetCheckEvaluation | dg.AssetMaterialization
#: Days whose rows are counted within a tick.
_COUNTED = 5
_NAMES: Final = {each.name for each in SETS}


@dg.sensor(
    name=WATCH,
    description="Starts the crawler of each prod set that was materialized, once for all events that came together; "
    "waits for it, and materializes the SQL tables of the set when it has looked through them.",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def crawlers_watch(context: dg.SensorEvaluationContext, crawlers: CrawlersResource) -> dg.SensorResult:
    """One look at all sets; raises `MissingSettingError`."""
    crawls = _written(context.cursor)
    said: dict[str, str] = {}
    events: list[Told] = []
    tick = TickTime()
    for prod_set in tick.while_left(SETS, CHECKS_END):
        look = _Look(prod_set, ShownCrawl.of(context.instance, prod_set), context.instance, time.time())
        crawls[prod_set.name], found = look.go_on(crawls.get(prod_set.name, Crawl()), crawlers)
        events += found
        said[prod_set.name] = look.said(crawls[prod_set.name])
    for event in events:
        context.log.info("%s: %s", event.asset_key.to_user_string(), event.description)
    changed = {name: crawl for name, crawl in crawls.items() if crawl != Crawl()}
    return dg.SensorResult(
        asset_events=events,
        cursor=to_json(changed).decode(),
        skip_reason="; ".join(f"{name}: {each}" for name, each in said.items() if each) or "nothing is to be crawled",
    )


@dg.sensor(
    name="prod_requests",
    target=dg.AssetSelection.assets(*(asset.key for asset in PROD)),
    description="Looks for sets that are made of more than the function takes, and starts a run that makes each "
    "of features from Spark, where the settings say so. What is asked for again after an hour is started again.",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def prod_requests(
    context: dg.SensorEvaluationContext, analytics_stores: AnalyticsStoresResource
) -> dg.SensorResult | dg.SkipReason:
    """One look; raises `MissingSettingError`, and `TransientError` when the bucket does not answer."""
    with analytics_stores.open() as stores:
        asked = requested_sets(stores.curated)
    now, runs = datetime.now(UTC), list[dg.RunRequest]()
    for each in asked:
        # One request that no run can be made of would end the tick, and with it all others.
        if each.prod_set not in _NAMES or not load_days.has_partition_key(each.day):
            context.log.warning("%s as of %s is asked for, and is no partition of a prod set", each.prod_set, each.day)
        elif not is_started(context.instance, run := run_for(each, now)):
            runs.append(run)
    if not runs:
        return dg.SkipReason(f"{counted(len(asked), 'set')} asked for, and no run is due" if asked else "no requests")
    return dg.SensorResult(run_requests=runs[:STARTED_AT_ONCE])


def run_for(asked: RequestedSet, now: datetime) -> dg.RunRequest:
    """The run that makes a set which was asked for: one for these requests, and another each hour they stay."""
    name = f"prod/{asked.prod_set}/{asked.day}"
    return asked_run(
        dg.AssetKey(["prod", asked.prod_set]), asked.day, name, ",".join(asked.versions), since=asked.since, now=now
    )


def _written(cursor: str | None) -> dict[str, Crawl]:
    """What a cursor says of the sets; one that no release wrote says nothing."""
    try:
        return from_json(cursor or "{}", dict[str, Crawl])
    except ValueError:
        return {}


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a set, its crawler and what Dagster shows of them."""

    prod_set: ProdSet
    shown: ShownCrawl
    instance: dg.DagsterInstance
    now: float

    def go_on(self, crawl: Crawl, crawlers: CrawlersResource) -> tuple[Crawl, list[Told]]:
        """Do the next step: what is to be written down then, and what is to be told."""
        told: list[Told] = []
        if is_due(crawl, self.shown.newest, self.shown.told, self.now):
            with crawlers.open() as stores:
                try:
                    crawl, told = self._step(crawl, stores)
                except TransientError as error:
                    crawl, _ = failed(crawl, str(error), self.now)
        elif self.shown.newest <= self.shown.told:
            crawl = Crawl()
        return crawl, [*self._judged(crawl, has_ended=bool(told)), *told]

    def said(self, crawl: Crawl) -> str:
        """What is done about the set, for the page of the sensor."""
        if self.shown.newest <= self.shown.told:
            return ""
        return crawl.message or ("its crawl was started" if crawl.started_at else "a crawl is awaited")

    def _step(self, crawl: Crawl, stores: CrawledStores) -> tuple[Crawl, list[Told]]:
        crawler = stores.crawlers[self.prod_set.name]
        state = crawler.look()
        after, step = next_step(crawl, self.shown.newest, self.shown.told, state, self.now)
        if step is Step.START:
            crawler.start()
        if step is not Step.TELL:
            return after, []
        found = look_through(self.prod_set, stores, self._days())
        result = as_the_set_says(self.prod_set, found)
        # The materialization comes last: by it the crawl counts as told.
        return after, [
            evaluation_of(dg.AssetCheckKey(crawled_key(self.prod_set), str(result.check_name)), result),
            self._materialization(crawl.event, crawler, state, found, str(result.description)),
        ]

    def _judged(self, crawl: Crawl, *, has_ended: bool) -> Iterator[dg.AssetCheckEvaluation]:
        """Whether the set was crawled since it was made, where the answer changed."""
        if not self.shown.newest:
            return
        waiting_since = None if has_ended else self.shown.waiting_since
        if waiting_since and crawl.event:
            waiting_since = min(waiting_since, crawl.planned_at)
        result = crawled_since(self.prod_set, trouble_of(crawl, waiting_since, self.now))
        key = dg.AssetCheckKey(crawled_key(self.prod_set), str(result.check_name))
        shown = shown_evaluation(self.instance, key)
        if shown is None or (shown.passed, shown.description) != (result.passed, result.description):
            yield evaluation_of(key, result)

    def _days(self) -> set[str]:
        """The days of the newest events of the set, for which the crawl was."""
        filtered = dg.AssetRecordsFilter(asset_key=set_key(self.prod_set), after_storage_id=self.shown.told or None)
        records = self.instance.fetch_materializations(filtered, limit=_COUNTED).records
        return {day for record in records if (day := record.partition_key)}

    def _materialization(
        self, event: int, crawler: Crawler, state: CrawlerState, found: CrawledSet, said: str
    ) -> dg.AssetMaterialization:
        lines = [
            f"| {table.name} | {len(table.days)} | {max(table.days, default='')} | {_rows(table.rows)} |"
            for table in found.tables
        ]
        return dg.AssetMaterialization(
            crawled_key(self.prod_set),
            description=f"{counted(len(found.days), 'day')} up to {found.days[-1]}: {said}" if found.days else said,
            metadata={
                UP_TO: event,
                "days": len(found.days),
                "newest_day": found.days[-1] if found.days else "",
                "differences": len(found.differences),
                "crawler": crawler.name,
                "crawl_log": state.log,
                "found": dg.MetadataValue.md(
                    "\n".join(["| table | days | newest | rows counted |", "|---|---:|---|---|", *lines])
                ),
            },
            tags={"dagster/data_version": found.version},
        )


def _rows(rows: Mapping[str, int | None]) -> str:
    return cell(", ".join(f"{day}: {found}" for day, found in sorted(rows.items())))
