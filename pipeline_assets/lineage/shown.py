"""What Dagster holds of receipts, read back: what was told of them, and what had to be rejected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from pipeline_assets.events.ledger import PendingReport
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.lineage.bridge import DAYS_LEFT_OUT, Place, Shown, assets_named
from pipeline_assets.lineage.tick_time import LOOK_UP_ENDS, TickTime

#: The metadata that the bridge writes and later looks for.
RECEIPTS = "receipts"
REJECTED = "rejected"
LEFT_OUT = "left_out"

_PAGE = 200
#: How far the clocks of a Lambda and of the daemon may stand apart.
_CLOCK_SKEW = timedelta(minutes=10)
#: Further back no receipt is looked for: an object may have waited for weeks, and a tick has to read all events since.
#: One that was recorded twice over more than this is shown twice.
_LOOKED_BACK = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class LookUp:
    """What Dagster shows of the reports whose places were looked through in time; the others wait for another tick."""

    reports: Sequence[PendingReport]
    shown: frozenset[Shown]


def stored_since(
    fetch: Callable[..., dg.EventRecordsResult], key: dg.AssetKey, since: float
) -> Iterator[dg.EventLogRecord]:
    """The events of an asset that were stored after a time.

    Read page by page down to that time: a filter on the time would make the database read every event the asset ever
    had, as its index goes by event id.

    Parameters
    ----------
    fetch
        A method of the instance that gives events of an asset page by page, the newest first.
    key
        The asset.
    since
        Seconds since 1970.

    Yields
    ------
    dg.EventLogRecord
        The events, newest first.
    """
    cursor: str | None = None
    while True:
        page = fetch(key, limit=_PAGE, cursor=cursor)
        for record in page.records:
            if record.timestamp < since:
                return
            yield record
        if not page.has_more:
            return
        cursor = page.cursor


def listed_in(event: dg.AssetMaterialization | dg.AssetObservation | None, name: str) -> list[Any]:
    """The list that the bridge put into an event's metadata under a name; empty where there is none."""
    value = event.metadata.get(name) if event else None
    return list(value.value or ()) if isinstance(value, dg.JsonMetadataValue) else []


def rejected_in(record: dg.EventLogRecord) -> list[list[str]]:
    """What one observation says was rejected, each as asset, partition, report id and source object."""
    return listed_in(record.event_log_entry.asset_observation, REJECTED)


def look_up(
    instance: dg.DagsterInstance, reports: Sequence[PendingReport], anchor: dg.AssetKey, tick: TickTime | None = None
) -> LookUp:
    """Look up what Dagster shows of waiting reports: all that was stored since the oldest of them can have been told.

    Parameters
    ----------
    instance
        Dagster's instance.
    reports
        The receipts that wait.
    anchor
        The asset whose observations tell what was rejected.
    tick
        The time of the tick; begins now by default.

    Returns
    -------
    LookUp
        The reports of which everything is known, and what is shown. Where so much was stored that the time does not
        suffice, reports are left out that can have been told before the time down to which was read.
    """
    tick = tick or TickTime()
    if not reports:
        return LookUp((), frozenset())
    told_since = {report.key: (_told_since(report.receipt) - _CLOCK_SKEW).timestamp() for report in reports}
    since = min(told_since.values())
    shown: set[Shown] = set()
    #: Down to when each asset was read; None stands for the observations of the anchor.
    read_to: dict[str | None, float] = {}
    for asset, until in tick.shares([*assets_named(reports), None], LOOK_UP_ENDS):
        key = dg.AssetKey.from_user_string(asset) if asset is not None else anchor
        fetch = instance.fetch_observations if asset is None else instance.fetch_materializations
        read_to[asset] = since
        for record in stored_since(fetch, key, since):
            shown.update(_shown_by(record, asset))
            if tick.passed > until:
                read_to[asset] = math.nextafter(record.timestamp, math.inf)
                break
    return LookUp(
        [
            report
            for report in reports
            if told_since[report.key] >= max(read_to[asset] for asset in (*assets_named([report]), None))
        ],
        frozenset(shown),
    )


def _shown_by(record: dg.EventLogRecord, asset: str | None) -> Iterator[Shown]:
    """What one event tells of: a materialization of its receipts, an observation of the anchor of rejected ones."""
    if asset is None:
        for named, partition, report_id, _ in rejected_in(record):
            yield Shown(Place(named, partition), report_id)
        for report_id, *_ in listed_in(record.event_log_entry.asset_observation, LEFT_OUT):
            yield Shown(Place(DAYS_LEFT_OUT, ""), report_id)
    else:
        place = Place(asset, record.partition_key or "")
        for report_id in listed_in(record.asset_materialization, RECEIPTS):
            yield Shown(place, report_id)


def _told_since(receipt: Receipt) -> datetime:
    """The earliest time at which Dagster can have been told of a receipt.

    A ledger that lost its last writes records a receipt again, under its old name at a new time; so for the first run
    of an object it is the arrival of the object that counts, as far back as a tick can read.

    Returns
    -------
    datetime
        With its zone, no later than the receipt was recorded.
    """
    recorded = datetime.fromisoformat(receipt.recorded_at)
    if receipt.run > 1 or receipt.revision:
        return recorded
    return min(recorded, max(datetime.fromisoformat(receipt.source.event_time), recorded - _LOOKED_BACK))
