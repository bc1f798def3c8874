"""Checks of the stock feed: every received row has one outcome, no bar is missing, and a day's prices can be."""

from collections.abc import Iterator

import dagster as dg

from pipeline_assets.lineage.automation import SOON_AFTER
from pipeline_assets.lineage.conservation import days_of
from pipeline_assets.lineage.metadata import cell
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.stocks.assets import STOCK_CONSERVATION, StockStoresResource, stocks
from pipeline_assets.stocks.quality import FURTHEST_JUMP, Findings, inspect

#: The last days of a run that are looked through: a day of the synthetic market is 432,000 items.
_DAYS = 31
_GAPS = dg.AssetCheckSpec(
    "no_gaps",
    asset=stocks.key,
    description="Between a ticker's first and last bar of a day none is missing, the bars being as far apart as most "
    "of them are. A market that pauses has gaps too: a warning.",
    automation_condition=SOON_AFTER,
)
_POSSIBLE = dg.AssetCheckSpec(
    "prices_possible",
    asset=stocks.key,
    description="In the table all prices are above zero, highs and lows are the extremes of their bars, and no bar of "
    f"a day opens at more than {FURTHEST_JUMP} times what the one before closed at, or at less than that part of it.",
    automation_condition=SOON_AFTER,
)


@dg.multi_asset_check(specs=[_GAPS, _POSSIBLE], can_subset=False, retry_policy=RETRIES)
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
        metadata={
            "found": findings.number,
            "first": dg.MetadataValue.md("\n".join(["| ticker | time | |", "|---|---|---|", *rows])),
        },
    )


STOCK_CHECKS = [*STOCK_CONSERVATION, believable]
