"""Asset checks of the stock feed: conservation of rows, gaps, and impossible prices."""

from collections.abc import Iterator

import dagster as dg

from pipeline_assets.lineage.conservation import CONSERVATION_SAID, conservation_of, days_of
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.stocks.assets import StockStoresResource, stocks, stocks_landed
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.quality import FURTHEST_JUMP, Findings, inspect

#: The last days of a run that are looked through: a day of the synthetic market is 432,000 items.
_DAYS = 31
_GAPS = dg.AssetCheckSpec(
    "no_gaps",
    asset=stocks.key,
    description="Between a ticker's first and last bar of a day none is missing, the bars being as far apart as most "
    "of them are. A market that pauses has gaps too: a warning.",
)
_POSSIBLE = dg.AssetCheckSpec(
    "prices_possible",
    asset=stocks.key,
    description="In the table all prices are above zero, highs and lows are the extremes of their bars, and no bar of "
    f"a day opens at more than {FURTHEST_JUMP} times what the one before closed at, or at less than that part of it.",
)


def _conservation(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name="conservation", blocking=True, description=CONSERVATION_SAID)
    def conservation(context: dg.AssetCheckExecutionContext, stock_stores: StockStoresResource) -> dg.AssetCheckResult:
        with stock_stores.open() as opened:
            return conservation_of(context, asset.key, asset.partitions_def, STOCK_FLOW.name, opened.ledger)

    return conservation


@dg.multi_asset_check(specs=[_GAPS, _POSSIBLE], can_subset=False)
def believable(
    context: dg.AssetCheckExecutionContext, stock_stores: StockStoresResource
) -> Iterator[dg.AssetCheckResult]:
    """Look through the last days of the run in the table, ticker by ticker; both checks cost one reading."""
    with stock_stores.open() as opened:
        found = inspect(opened, days_of(context, stocks.key, stocks.partitions_def)[-_DAYS:])
    looked_at = f"{found.bars} bars of {found.tickers} tickers and days"
    yield _result(_GAPS, found.missing, f"bars missing among {looked_at}", dg.AssetCheckSeverity.WARN)
    yield _result(_POSSIBLE, found.impossible, f"impossible prices among {looked_at}", dg.AssetCheckSeverity.ERROR)


def _result(
    spec: dg.AssetCheckSpec, findings: Findings, what: str, severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    rows = [f"| {cell(ticker)} | {at} | {cell(why)} |" for ticker, at, why in findings.listed]
    return dg.AssetCheckResult(
        asset_key=stocks.key,
        check_name=spec.name,
        passed=not findings.number,
        severity=severity,
        description=f"{findings.number} {what}",
        metadata={"first": dg.MetadataValue.md("\n".join(["| ticker | time | |", "|---|---|---|", *rows]))},
    )


STOCK_CHECKS = [_conservation(stocks_landed), _conservation(stocks), believable]
