"""The conservation law as a check: every received row of a flow has exactly one outcome."""

from collections.abc import Sequence

import dagster as dg

from pipeline_assets.lineage.metadata import Conservation
from pipeline_assets.lineage.resources import LedgerResource
from pipeline_assets.lineage.retries import RETRIES

CONSERVATION = "conservation"
_DESCRIPTION = (
    "received = accepted + quarantined + duplicate + superseded, for each partition of the run and for the whole flow; "
    "run alone, for every partition there is."
)
_PARTITION = "dagster/partition"
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


def days_of(
    context: dg.AssetCheckExecutionContext, asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str] | None
) -> Sequence[str]:
    """Partitions that a check has to look at.

    Parameters
    ----------
    context
        The run of the check.
    asset
        The asset that is checked.
    partitions
        Its partitions; None where it has none.

    Returns
    -------
    Sequence[str]
        Those of the run; of a run without any, all that were ever materialized.
    """
    tags = context.run.tags
    if _PARTITION in tags:
        return [tags[_PARTITION]]
    if _RANGE[0] in tags and partitions:
        return partitions.get_partition_keys_in_range(dg.PartitionKeyRange(tags[_RANGE[0]], tags[_RANGE[1]]))
    return sorted(context.instance.get_materialized_partitions(asset))


def numbers_of(found: Conservation) -> dict[str, dg.MetadataValue]:
    """Metadata of the check: how many accounts do not add up, of how many rows, and the accounts."""
    return {
        "accounts_broken": dg.MetadataValue.int(len(found.broken)),
        "rows_received": dg.MetadataValue.int(max((each.received for each in found.accounts.values()), default=0)),
        "accounts": dg.MetadataValue.md(found.table),
    }


def conservation_check(
    asset: dg.AssetKey, partitions: dg.PartitionsDefinition[str] | None, flow: str
) -> dg.AssetChecksDefinition:
    """Check `conservation` of an asset: for the partitions of the run, and for the whole flow.

    Parameters
    ----------
    asset
        The asset that is checked.
    partitions
        Its partitions; None where it has none.
    flow
        Name of the flow whose totals are checked with it.

    Returns
    -------
    dg.AssetChecksDefinition
        Of the severity ERROR.
    """

    @dg.asset_check(asset=asset, name=CONSERVATION, description=_DESCRIPTION, retry_policy=RETRIES)
    def conservation(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
        opened, days = ledger.open(), days_of(context, asset, partitions)
        accounts = {f"all of {flow}": opened.totals(flow).counts}
        accounts |= {day: opened.account(asset.to_user_string(), day).counts for day in days}
        found = Conservation(accounts)
        return dg.AssetCheckResult(
            passed=not found.broken,
            severity=dg.AssetCheckSeverity.ERROR,
            description=found.sentence,
            metadata={**numbers_of(found), "partitions": len(days)},
        )

    return conservation
