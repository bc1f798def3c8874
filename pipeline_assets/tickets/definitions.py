"""What the ticket flow and the purchase graph are in Dagster."""

import dagster as dg

from pipeline_assets.datasets.calendar import RETAIL
from pipeline_assets.lineage.expected_days import no_day_missing_check
from pipeline_assets.tickets.assets import (
    SOLD_KEY,
    TICKET_CHECKS,
    TICKET_EXTERNAL,
    TicketStoresResource,
    landed,
    tickets,
)
from pipeline_assets.tickets.graph_assets import GRAPH_FIGURES, purchase_graph, rebuild_purchase_graph
from pipeline_assets.tickets.graph_checks import GRAPH_CHECKS

STORE_FIGURES = (GRAPH_FIGURES,)

defs = dg.Definitions(
    assets=[*TICKET_EXTERNAL, landed, tickets, purchase_graph],
    asset_checks=[*TICKET_CHECKS, no_day_missing_check(SOLD_KEY, RETAIL), *GRAPH_CHECKS],
    jobs=[rebuild_purchase_graph],
    resources={"stores": TicketStoresResource.of_environment()},
)
