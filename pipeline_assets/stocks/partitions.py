"""The days of price files, in UTC."""

import dagster as dg

from pipeline_assets.stocks.ingest import FIRST_DAY

#: The days files arrive; the end offset makes today, which has not ended, a partition.
arrival_days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone="UTC", end_offset=1)

#: The days of prices; a price may lie up to one day after its file's arrival, so tomorrow is a partition too.
price_days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone="UTC", end_offset=2)
