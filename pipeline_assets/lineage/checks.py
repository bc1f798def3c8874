"""What the bridge left in Dagster, read back: the receipts it told, and whether it had to reject any."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

#: The flows whose receipts are bridged, each with the asset that shows what had to be rejected.
FLOWS = {
    **{flow: dg.AssetKey([flow, "landed"]) for flow in ("tickets", "stocks", "inbox")},
    "ecommerce": dg.AssetKey(["raw", "orders"]),
    "loads": dg.AssetKey(["lake", "loads"]),
}
#: The names of checks and metadata that the bridge writes and later looks for.
CONSERVATION = "conservation"
RECEIPTS_KNOWN = "receipts_known"
RECEIPTS = "receipts"
REJECTED = "rejected"

_DAYS = 7
_PAGE = 200


def stored_since(
    fetch: Callable[..., dg.EventRecordsResult], key: dg.AssetKey, since: float
) -> Iterator[dg.EventLogRecord]:
    """The events of an asset stored after a time (seconds since 1970), newest first.

    Read page by page down to that time: a filter on the time would make the database read every event the asset ever
    had, as its index goes by event id.
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


def rejected_since(instance: dg.DagsterInstance, home: dg.AssetKey, since: float) -> list[list[str]]:
    """What was rejected since a time, each as asset, partition, report id and source object."""
    return [
        entry
        for record in stored_since(instance.fetch_observations, home, since)
        for entry in listed_in(record.event_log_entry.asset_observation, REJECTED)
    ]


def receipts_known_now(
    instance: dg.DagsterInstance, home: dg.AssetKey, new: Sequence[Sequence[str]] = ()
) -> dg.AssetCheckResult:
    """Whether anything was rejected in the last days; `new` is what is not stored yet."""
    rejected = [*new, *rejected_since(instance, home, time.time() - _DAYS * 86_400)]
    return dg.AssetCheckResult(
        passed=not rejected,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(rejected)} reports of the last {_DAYS} days name what Dagster does not have",
        metadata={REJECTED: dg.MetadataValue.json(rejected[:100])},
    )


def _receipts_known(home: dg.AssetKey) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=home,
        name=RECEIPTS_KNOWN,
        description=f"In the last {_DAYS} days every receipt named assets and partitions that Dagster has.",
    )
    def receipts_known(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        return receipts_known_now(context.instance, home)

    return receipts_known


LINEAGE_CHECKS = [_receipts_known(home) for home in FLOWS.values()]
