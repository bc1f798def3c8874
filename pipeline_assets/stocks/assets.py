"""The stock feed as assets: what a Lambda did for one file, a person can do again for a day or a range of days."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from pipeline_assets.lineage.addresses import TABLE_NAME, named
from pipeline_assets.lineage.landed import landed_and_accepted
from pipeline_assets.lineage.partitions import DAYS
from pipeline_assets.lineage.preview import PREVIEW, preview_table
from pipeline_assets.lineage.resources import EnvironmentResource, optional, required
from pipeline_assets.stocks.ingest import FIRST_DAY, STOCK_FLOW
from pipeline_assets.stocks.quality import prices_of_day
from pipeline_assets.stocks.stores import StockSettings, StockStores, open_stores

#: The last days of a run that get a picture: each is some 50 kB in Dagster's storage.
_DRAWN_DAYS = 10
#: Where the prices are.
STORED = {TABLE_NAME: named("TABLE_NAME", "StockData")}


class StockStoresResource(EnvironmentResource):
    """The stores of the stock feed: the table of prices, ledger, quarantine and the bucket of price files."""

    stocks_queue_url: str = required("The address of the queue of price files")
    quarantine_bucket: str = required("The name of the bucket for rejected rows")
    ledger_table: str = required("The name of the DynamoDB table of receipts")
    table_name: str = optional("The name of the DynamoDB table of prices")
    stocks_bucket: str = optional("The name of the bucket of price files")

    @property
    def settings(self) -> StockSettings:
        """What the fields say; raises `MissingSettingError`."""
        return StockSettings.from_environment(self.variables())

    @contextmanager
    def open(self) -> Iterator[StockStores]:
        """Open all stores; raises `MissingSettingError`."""
        with open_stores(self.settings) as stores:
            yield stores


def _draw(context: dg.AssetExecutionContext, stores: StockStores, day: str) -> dict[str, dg.MetadataValue[Any]]:
    """Draw the prices of a day that is one of the last days of its run, and show the first bars of them."""
    if day not in context.partition_keys[-_DRAWN_DAYS:]:
        return {}
    from pipeline_assets.stocks.chart import chart, chosen  # noqa: PLC0415 - matplotlib takes a second

    prices = {ticker: prices_of_day(stores, ticker, day) for ticker in chosen(stores.tickers.of_day(day))}
    drawn = {ticker: bars for ticker, bars in prices.items() if bars}
    if not drawn:
        return {}
    first_bars = preview_table([bars[0]._asdict() for bars in drawn.values()])
    return {"prices": dg.MetadataValue.md(chart(day, drawn)), PREVIEW: dg.MetadataValue.md(first_bars)}


stocks_landed, stocks, STOCK_CONSERVATION, STOCK_EXTERNAL = landed_and_accepted(
    STOCK_FLOW,
    stores="stock_stores",
    target="table",
    target_kind="dynamodb",
    stored=STORED,
    description="The prices in the table by their UTC day; rows whose time could not be read, and days before "
    "the first one, are in stocks/landed only. Materializing a day works every file that has rows of it through again "
    "and draws some of its tickers.",
    first_day=max(FIRST_DAY, DAYS.first_price),
    drawing=_draw,
)
