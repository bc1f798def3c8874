"""Whether every received row of a ticket file has exactly one outcome."""

from collections.abc import Sequence

import dagster as dg

from pipeline_assets.events.accounts import Conservation
from pipeline_assets.tickets.assets import TicketStoresResource, landed, tickets
from pipeline_assets.tickets.ingest import FLOW

_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def _conservation(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name="conservation",
        blocking=True,
        description="received = accepted + quarantined + duplicate + superseded, for each partition of the run and for "
        "the whole flow; run alone, for every partition there is.",
    )
    def conservation(context: dg.AssetCheckExecutionContext, stores: TicketStoresResource) -> dg.AssetCheckResult:
        days = _days(context, asset)
        with stores.open() as opened:
            accounts = {f"all of {FLOW}": opened.ledger.totals(FLOW).counts}
            accounts |= {day: opened.ledger.account(asset.key.to_user_string(), day).counts for day in days}
        found = Conservation(accounts)
        return dg.AssetCheckResult(
            passed=not found.broken,
            severity=dg.AssetCheckSeverity.ERROR,
            description=found.sentence,
            metadata={"accounts": dg.MetadataValue.md(found.table), "partitions": len(days)},
        )

    return conservation


def _days(context: dg.AssetCheckExecutionContext, asset: dg.AssetsDefinition) -> Sequence[str]:
    """The partitions of the run; of a run without any, all that were ever materialized."""
    tags = context.run.tags
    if _PARTITION in tags:
        return [tags[_PARTITION]]
    partitions = asset.partitions_def
    if _RANGE[0] in tags and partitions:
        return partitions.get_partition_keys_in_range(dg.PartitionKeyRange(tags[_RANGE[0]], tags[_RANGE[1]]))
    return sorted(context.instance.get_materialized_partitions(asset.key))


TICKET_CHECKS = [_conservation(landed), _conservation(tickets)]
