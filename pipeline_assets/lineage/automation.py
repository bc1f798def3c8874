"""When the checks run that only a run can judge, and the job that runs all there are.

A run costs seconds of a processor, so what arrives in a stream of events is judged together: at once where a check has
no result for what is there, and after that at most every quarter of an hour.
"""

from __future__ import annotations

from typing import Final, cast

import dagster as dg

_CONDITION = dg.AutomationCondition
#: After events of its asset: at once where there is no result, otherwise with the next quarter of an hour. Not while
#: the asset or the check is being worked on.
SOON_AFTER: Final = cast(
    "dg.AutomationCondition[dg.AssetCheckKey]",
    (
        _CONDITION.any_deps_updated().since(_CONDITION.newly_requested())
        & (_CONDITION.missing() | _CONDITION.cron_tick_passed("*/15 * * * *"))
        & ~_CONDITION.any_deps_in_progress()
        & ~_CONDITION.in_progress()
    ).with_label("soon after events of its asset, at most every quarter of an hour"),
)

#: Lets them run.
checks_automation: Final = dg.AutomationConditionSensorDefinition(
    "checks_automation",
    target=dg.AssetSelection.all_asset_checks(),
    description="Runs the checks that only a run can judge, after events of their assets: at once where a check has no "
    "result, otherwise at most every quarter of an hour.",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)

#: All checks of all assets, in one run.
check_everything: Final = dg.define_asset_job(
    "check_everything",
    selection=dg.AssetSelection.all_asset_checks(),
    description="Runs every check of every asset, on every day that was ever materialized.",
)
