"""Everything Dagster is told: the assets, their checks, the bridge, and the stores they open when they run.

Loading this reads no environment variable and opens nothing.
"""

import dagster as dg

from pipeline_assets.curation.assets import CURATED, CurationStoresResource, loads
from pipeline_assets.curation.checks import CURATION_CHECKS
from pipeline_assets.curation.sensors import loads_watch
from pipeline_assets.lineage.checks import LINEAGE_CHECKS
from pipeline_assets.lineage.foreign_messages import FOREIGN_MESSAGE_CHECKS, QuarantineResource, foreign_messages_watch
from pipeline_assets.lineage.sensors import LedgerResource, receipts_bridge
from pipeline_assets.raw.assets import INBOX_LANDED, ExportStoresResource, exported
from pipeline_assets.stocks.assets import StockStoresResource, stocks, stocks_landed
from pipeline_assets.stocks.checks import STOCK_CHECKS
from pipeline_assets.tickets.assets import TicketStoresResource, landed, tickets
from pipeline_assets.tickets.checks import TICKET_CHECKS
from pipeline_assets.tickets.graph_assets import purchase_graph, rebuild_purchase_graph
from pipeline_assets.tickets.graph_checks import GRAPH_CHECKS

defs = dg.Definitions(
    assets=[landed, tickets, purchase_graph, stocks_landed, stocks, INBOX_LANDED, exported, *CURATED, loads],
    asset_checks=[
        *TICKET_CHECKS,
        *GRAPH_CHECKS,
        *STOCK_CHECKS,
        *CURATION_CHECKS,
        *LINEAGE_CHECKS,
        *FOREIGN_MESSAGE_CHECKS,
    ],
    jobs=[rebuild_purchase_graph],
    sensors=[receipts_bridge, loads_watch, foreign_messages_watch],
    resources={
        "stores": TicketStoresResource(),
        "stock_stores": StockStoresResource(),
        "export_stores": ExportStoresResource(),
        "curation_stores": CurationStoresResource(),
        "ledger": LedgerResource(),
        "quarantine": QuarantineResource(),
    },
    # A run holds one to three steps that follow each other: a process for each would only cost six seconds.
    executor=dg.in_process_executor,
)
