"""Policies that hold for all assets, applied by one map over their specs.

An asset of which data are expected every open day bears the tag `calendar`. It is warned of once a day and a half have
passed without an event of it, and fails once more has passed than the longest closure of its calendar explains: so a
closed day is at most a warning. An asset that never had an event is of unknown freshness, which Dagster shows in grey.
Freshness is of the asset, whatever partition an event is of.

Every asset names the guide of its group, a page under ``docs/guides`` that tells what people do with it; what is told
by receipts names the sensor that reports them.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Final

import dagster as dg

from pipeline_assets.datasets.calendar import CALENDARS, RETAIL, Calendar
from pipeline_assets.datasets.ecommerce import RESTING
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.flows import FLOWS
from pipeline_assets.lineage.code_references import referring_to
from pipeline_assets.lineage.flows import bridge_name
from pipeline_assets.lineage.partitions import DAYS

#: The metadata that names the sensor which reports an asset: the bridge of its flow, unless the asset says another.
REPORTED_BY: Final = "reported_by"
#: The tag that names the calendar by which data of an asset are expected.
CALENDAR: Final = "calendar"
#: The tags of assets of which data are expected on every day that shops are open.
EVERY_OPEN_DAY: Final = {CALENDAR: RETAIL.name}
#: A day's data come in the course of the next day.
_EXPECTED_WITHIN = timedelta(hours=36)
_OWNER = "team:platform"
#: The flow whose receipts name an anchor, where that is not the flow that the asset belongs to.
_FLOW_AT: Final = {row.anchor: row.name for row in FLOWS}
#: The page of each group.
GUIDES: Final = {
    "tickets": "mend",
    "graph": "rebuild",
    "stocks": "stocks",
    "shop": "lake",
    "inbox": "lake",
    "raw": "lake",
    "curated": "lake",
    "lake": "sql",
    "prod": "prod",
    "queries": "sql",
    "questions": "questions",
    "compras": "compras",
    "search": "search-index",
    "api": "search",
    "quarantine": "mend",
}


def expected_of(dataset: Dataset) -> dict[str, str]:
    """Tags of an asset by its dataset: rows of a resting one are promised by nobody."""
    return {} if dataset in RESTING else EVERY_OPEN_DAY


def calendar_of(spec: dg.AssetSpec) -> Calendar | None:
    """The calendar by which data of an asset are expected; None where nobody promises a day."""
    name = spec.tags.get(CALENDAR, "")
    return DAYS.calendar(name) if name in CALENDARS else None


@cache
def freshness_by(calendar: Calendar) -> dg.FreshnessPolicy:
    """The freshness of what comes on every day that a calendar expects."""
    fails = _EXPECTED_WITHIN + calendar.longest_closure
    warns = _EXPECTED_WITHIN if calendar.longest_closure else None
    return dg.FreshnessPolicy.time_window(fail_window=fails, warn_window=warns)


def with_policies(spec: dg.AssetSpec) -> dg.AssetSpec:
    """An asset with the policies that follow from its tags, an owner, its sensor, and the guide of its group."""
    calendar = calendar_of(spec)
    owned = spec if spec.owners else spec.replace_attributes(owners=[_OWNER])
    flow = _FLOW_AT.get(spec.key.to_user_string(), spec.tags.get("flow"))
    if flow and REPORTED_BY not in spec.metadata:
        owned = owned.merge_attributes(metadata={REPORTED_BY: f"the sensor {bridge_name(flow)}"})
    if guide := GUIDES.get(spec.group_name or ""):
        page = f"docs/guides/{guide}.md"
        owned = referring_to(owned, page, "guide").merge_attributes(metadata={"guide": page})
    return owned.replace_attributes(freshness_policy=freshness_by(calendar)) if calendar else owned
