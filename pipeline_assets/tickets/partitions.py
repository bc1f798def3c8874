"""The days of ticket files, in UTC."""

import dagster as dg

from pipeline_assets.tickets.rows import FIRST_DAY

#: The first day a purchase may have, by the rule ``timestamp_in_range``.
_FIRST_DAY = FIRST_DAY.isoformat()

#: The days files arrive; the end offset makes today, which has not ended, a partition.
arrival_days = dg.DailyPartitionsDefinition(_FIRST_DAY, timezone="UTC", end_offset=1)

#: The days of purchases; a purchase may lie up to one day after its file's arrival, so tomorrow is a partition too.
purchase_days = dg.DailyPartitionsDefinition(_FIRST_DAY, timezone="UTC", end_offset=2)
