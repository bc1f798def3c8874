"""Whether every received row of a ticket file has exactly one outcome."""

import dagster as dg

from pipeline_assets.lineage.conservation import CONSERVATION_SAID, conservation_of
from pipeline_assets.tickets.assets import TicketStoresResource, landed, tickets
from pipeline_assets.tickets.ingest import TICKET_FLOW


def _conservation(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="conservation", blocking=True, description=CONSERVATION_SAID)
    def conservation(context: dg.AssetCheckExecutionContext, stores: TicketStoresResource) -> dg.AssetCheckResult:
        with stores.open() as opened:
            return conservation_of(context, asset.key, asset.partitions_def, TICKET_FLOW.name, opened.ledger)

    return conservation


TICKET_CHECKS = [_conservation(landed), _conservation(tickets)]
