"""Daily partitions, by the UTC day: where they begin, which days they leave out, and how a range of them is worked.

Partitions begin where the data begin, which is a setting of the deployment (`pipeline_assets.lineage.days`). It is read
once, when the definitions are loaded.
"""

import warnings
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg

from pipeline_assets.lineage.days import Days

# Said again by every process that loads the definitions otherwise; the version of Dagster is pinned below 1.14.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

#: A range of days is one run: starting a run takes longer than most days do.
ONE_RUN: Final = dg.BackfillPolicy.single_run()
_DAY = "%Y-%m-%d"
#: The days of this process.
DAYS: Final = Days.from_environment()


def days_since(
    first_day: date, *, with_tomorrow: bool = False, closed: frozenset[str] = frozenset()
) -> dg.TimeWindowPartitionsDefinition:
    """Partition by day.

    Parameters
    ----------
    first_day
        The first of them.
    with_tomorrow
        Whether they go on to tomorrow; else to today, which has not ended.
    closed
        Days that are no partitions, as `Calendar` has them.

    Returns
    -------
    dg.TimeWindowPartitionsDefinition
        The days, UTC.
    """
    return dg.TimeWindowPartitionsDefinition(
        start=first_day.isoformat(),
        fmt=_DAY,
        cron_schedule="0 0 * * *",
        timezone="UTC",
        end_offset=2 if with_tomorrow else 1,
        exclusions=[_excluded(day) for day in sorted(closed)] or None,
    )


def _excluded(day: str) -> str | datetime:
    if len(day) > len("12-25"):
        return datetime.fromisoformat(day).replace(tzinfo=UTC)
    return f"0 0 {int(day[3:])} {int(day[:2])} *"


def is_left_out(partitions: dg.PartitionsDefinition[str], key: str) -> bool:
    """Whether a partition is no more than a day that these partitions leave out: before the first, or a closed one."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return False
    try:
        day = datetime.strptime(key, partitions.fmt).replace(tzinfo=UTC)
    except ValueError:
        return False
    written = day.strftime(partitions.fmt) == key
    return written and (day < partitions.start or partitions.is_window_start_excluded(day))


#: The days on which the lake is loaded.
load_days = days_since(DAYS.first)
#: The days on which files arrive.
arrival_days = days_since(DAYS.first_arrival)
