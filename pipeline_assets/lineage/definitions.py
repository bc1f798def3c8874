"""What lineage defines: for each flow its bridge and the checks at its anchor, and what all rooms share."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from pipeline_assets.lineage.automation import check_everything, checks_automation
from pipeline_assets.lineage.bridges_watch import bridges_watch_sensor, receipts_shown_check
from pipeline_assets.lineage.checks import receipts_known_check, rejection_checks
from pipeline_assets.lineage.expected_days import days_watch
from pipeline_assets.lineage.flows import BridgedFlow, anchor_of
from pipeline_assets.lineage.foreign_messages import foreign_messages_check, foreign_messages_sensor
from pipeline_assets.lineage.left_out import left_out_check, left_out_watch_sensor
from pipeline_assets.lineage.problems_watch import problems_watch_sensor
from pipeline_assets.lineage.resources import LedgerResource, MetricsResource, QuarantineResource
from pipeline_assets.lineage.sensors import bridge_sensor
from pipeline_assets.lineage.store_figures import StoreFigures


def bridged(flows: Sequence[BridgedFlow], stores: Sequence[StoreFigures] = ()) -> dg.Definitions:
    """The bridges of some flows, one sensor each, their checks, and the watches over all flows.

    Parameters
    ----------
    flows
        The flows.
    stores
        Figures that only the stores behind some of their assets know.

    Returns
    -------
    dg.Definitions
        With the resources that all of these open.
    """
    bridges = [bridge_sensor(flow, [each for each in stores if each.flow == flow.name]) for flow in flows]
    fed = [flow for flow in flows if flow.fed]
    return dg.Definitions(
        asset_checks=[
            *map(receipts_known_check, flows),
            *map(receipts_shown_check, flows),
            *map(left_out_check, flows),
            *map(foreign_messages_check, fed),
            *(check for flow in fed for check in rejection_checks(anchor_of(flow), flow)),
        ],
        sensors=[
            *bridges,
            bridges_watch_sensor(flows),
            left_out_watch_sensor(flows),
            foreign_messages_sensor(fed),
            problems_watch_sensor(flows),
            days_watch,
            checks_automation,
        ],
        jobs=[check_everything],
        resources={
            "ledger": LedgerResource.of_environment(),
            "quarantine": QuarantineResource.of_environment(),
            "metrics": MetricsResource.of_environment(),
        },
        # A run holds one to three steps that follow each other: a process for each would only cost six seconds. A step
        # of which some days failed ends failed, with its outputs: what is made of its other days is made.
        executor=dg.in_process_executor.configured(
            {"step_dependency_config": {"require_upstream_step_success": False}}, name="in_process"
        ),
    )
