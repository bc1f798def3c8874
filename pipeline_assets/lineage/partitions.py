"""Daily partitions, by the UTC day, and how a range of them is worked."""

import warnings
from typing import Final

import dagster as dg

# Said again by every process that loads the definitions otherwise; the version of Dagster is pinned below 1.14.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

#: A range of days is one run: starting a run takes longer than most days do.
ONE_RUN: Final = dg.BackfillPolicy.single_run()

#: The first day that a load of the source database may be of.
_FIRST_LOAD_DAY = "2017-01-01"


def days_since(first_day: str, *, with_tomorrow: bool = False) -> dg.DailyPartitionsDefinition:
    """The days from the first one (``YYYY-MM-DD``) on to today, which has not ended, or to tomorrow."""
    return dg.DailyPartitionsDefinition(first_day, timezone="UTC", end_offset=2 if with_tomorrow else 1)


#: The days on which the lake is loaded.
load_days = days_since(_FIRST_LOAD_DAY)
