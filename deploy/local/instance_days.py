"""The days of an instance, kept in its state: where its partitions begin and which days are closed.

They are settled before Dagster starts and stay what they are at the next start, but for what is said anew: by the
environment of whoever starts it, or by a sample that goes further back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from deploy.local.instance import Instance, write_private
from pipeline_assets.datasets.calendar import RETAIL
from pipeline_assets.lineage.days import CLOSED_DAYS, FIRST_ARRIVAL_DAY, FIRST_DAY, FIRST_PRICE_DAY, SETTINGS, Days

#: As many days as a sample has unless another number is asked for.
_FORTNIGHT = timedelta(days=14)


def settle_days(instance: Instance) -> Days:
    """Settle the days of an instance that is about to start: as the environment says, else as they were.

    A new one begins a fortnight ago; its files arrive and its prices are of today and later. Raises
    `UnknownSettingError` for what is no day.
    """
    said = {name: os.environ[name] for name in SETTINGS if os.environ.get(name)}
    days = Days.from_environment(days_environment(instance) | said)
    _keep(instance, days)
    return days


def add_days(instance: Instance, first: date, last: date, closed: Collection[date]) -> None:
    """Take over the days of data, those from `first` to `last` but for the `closed` ones, into those of an instance."""
    before = Days.from_environment(days_environment(instance))
    within = {day for day in before.closed if first.isoformat() <= day <= last.isoformat()}
    # What is closed every year is no day of data that were moved to other years.
    apart = {day for day in before.closed - within if len(day) > len("12-25")}
    begins = min(first, before.first) if _file(instance).exists() else first
    _keep(
        instance,
        Days(begins, before.first_price, before.first_arrival, frozenset(apart | {day.isoformat() for day in closed})),
    )


def warn_of_earlier(instance: Instance, first: date) -> str:
    """What is said where data from a day on are loaded, some of it before the first day of a running instance."""
    begins = days_environment(instance)[FIRST_DAY]
    if first.isoformat() >= begins:
        return ""
    return (
        f"Days before {begins} are in the stores, but no partitions in Dagster: `cesta down`, then "
        f"`{FIRST_DAY}={first} cesta up`, makes them, and materializing them shows what they hold."
    )


def days_environment(instance: Instance) -> dict[str, str]:
    """The days of an instance as variables; those of a new one before it was ever started."""
    try:
        kept: dict[str, str] = json.loads(_file(instance).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        today = datetime.now(UTC).date()
        return _variables(Days(today - _FORTNIGHT, today, today, RETAIL.closed_days))
    return kept


def _variables(days: Days) -> dict[str, str]:
    return {
        FIRST_DAY: days.first.isoformat(),
        FIRST_PRICE_DAY: days.first_price.isoformat(),
        FIRST_ARRIVAL_DAY: days.first_arrival.isoformat(),
        CLOSED_DAYS: ",".join(sorted(days.closed)) or "none",
    }


def _keep(instance: Instance, days: Days) -> None:
    write_private(_file(instance), json.dumps(_variables(days)))


def _file(instance: Instance) -> Path:
    return instance.state / "days.json"
