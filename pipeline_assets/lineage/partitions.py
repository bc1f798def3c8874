"""Daily partitions, by the UTC day."""

import dagster as dg

#: The first day that a load of the source database may be of.
_FIRST_LOAD_DAY = "2017-01-01"


def days_since(first_day: str, *, with_tomorrow: bool = False) -> dg.DailyPartitionsDefinition:
    """The days from the first one (``YYYY-MM-DD``) on to today, which has not ended, or to tomorrow."""
    return dg.DailyPartitionsDefinition(first_day, timezone="UTC", end_offset=2 if with_tomorrow else 1)


#: The days on which the lake is loaded.
load_days = days_since(_FIRST_LOAD_DAY)
