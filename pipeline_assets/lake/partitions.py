"""The days on which the lake is loaded, in UTC."""

import dagster as dg

#: The first day that a load may be of.
FIRST_DAY = "2017-01-01"
#: The end offset makes today, which has not ended, a partition.
load_days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone="UTC", end_offset=1)
