"""The stock feed as assets: what a Lambda did for one file, a person can do again for a day or a range of days."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg

from pipeline_assets import __version__
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.lineage.columns import lineage_of, rules_table, schema_of
from pipeline_assets.lineage.partitions import days_since
from pipeline_assets.lineage.redo import redo_days, tried_again
from pipeline_assets.stocks.ingest import FIRST_DAY, STOCK_FLOW
from pipeline_assets.stocks.quality import prices_of_day
from pipeline_assets.stocks.stores import StockSettings, StockStores, open_stores

_GROUP = "stocks"
#: The last days of a run that get a picture: each is some 50 kB in Dagster's storage.
_DRAWN_DAYS = 10
arrival_days = days_since(FIRST_DAY)
#: A price may lie up to one day after its file's arrival.
price_days = days_since(FIRST_DAY, with_tomorrow=True)
LANDED_KEY = dg.AssetKey.from_user_string(STOCK_FLOW.landed)
PRICED_KEY = dg.AssetKey.from_user_string(STOCK_FLOW.name)


class StockStoresResource(dg.ConfigurableResource["StockStoresResource"]):
    """The stores that the environment names, opened when they are used, never when definitions are loaded."""

    @contextmanager
    def open(self) -> Iterator[StockStores]:
        """All stores; a step in which one does not answer waits and is tried again.

        Raises `MissingSettingError` when the environment lacks a variable.
        """
        with tried_again(), open_stores(StockSettings.from_environment()) as stores:
            yield stores


_SCHEMA = schema_of(STOCKS.columns)


@dg.asset(
    key=LANDED_KEY,
    partitions_def=arrival_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=_GROUP,
    kinds={"s3", "csv"},
    owners=[STOCKS.owner],
    code_version=__version__,
    tags={"flow": "stocks", "layer": "landed"},
    description=f"{STOCKS.description} By the UTC day they arrived in S3; every row received is accounted for here. "
    "Materializing a day works its files through again, which leaves the same table.",
    metadata={"dagster/column_schema": _SCHEMA, "rules": rules_table(STOCKS)},
)
def stocks_landed(context: dg.AssetExecutionContext, stock_stores: StockStoresResource) -> dg.MaterializeResult[None]:
    """The files that arrived on the days of this run, worked through again."""
    with stock_stores.open() as opened:
        return redo_days(context, STOCK_FLOW, STOCK_FLOW.landed, opened)


@dg.asset(
    key=PRICED_KEY,
    # A file may bring prices of any day, as with tickets: docs/adr/0003-receipts-bridge.md.
    deps=[dg.AssetDep(LANDED_KEY, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=price_days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=_GROUP,
    kinds={"lambda", "dynamodb"},
    owners=[STOCKS.owner],
    code_version=__version__,
    tags={"flow": "stocks", "layer": "accepted"},
    description="The prices in the table by their UTC day; rows whose time could not be read, and days before "
    f"{FIRST_DAY}, are in stocks/landed only. Materializing a day works every file that has rows of it through again "
    "and draws some of its tickers.",
    metadata={
        "dagster/column_schema": _SCHEMA,
        **lineage_of(STOCKS.columns, LANDED_KEY),
    },
)
def stocks(context: dg.AssetExecutionContext, stock_stores: StockStoresResource) -> dg.MaterializeResult[None]:
    """The prices of the days of this run, worked through again from the files that brought them."""
    with stock_stores.open() as opened:
        result = redo_days(context, STOCK_FLOW, STOCK_FLOW.name, opened)
        _draw(context, opened, context.partition_keys[-_DRAWN_DAYS:])
    return result


def _draw(context: dg.AssetExecutionContext, stores: StockStores, days: Sequence[str]) -> None:
    """Put a picture of each day's prices into the metadata of its partition."""
    from pipeline_assets.stocks.chart import chart, chosen  # noqa: PLC0415 - matplotlib takes a second

    for day in days:
        prices = {ticker: prices_of_day(stores, ticker, day) for ticker in chosen(stores.tickers.of_day(day))}
        drawn = {ticker: bars for ticker, bars in prices.items() if bars}
        if drawn:
            context.add_asset_metadata(metadata={"prices": dg.MetadataValue.md(chart(day, drawn))}, partition_key=day)
