"""What the ticket flow and the purchase graph are in Dagster."""

import dagster as dg

from pipeline_assets.tickets.assets import TICKET_CHECKS, TicketStoresResource, landed, tickets
from pipeline_assets.tickets.graph_assets import purchase_graph, rebuild_purchase_graph
from pipeline_assets.tickets.graph_checks import GRAPH_CHECKS

defs = dg.Definitions(
    assets=[landed, tickets, purchase_graph],
    asset_checks=[*TICKET_CHECKS, *GRAPH_CHECKS],
    jobs=[rebuild_purchase_graph],
    resources={"stores": TicketStoresResource.of_environment()},
)
