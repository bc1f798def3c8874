"""The stores that the stock feed's work needs, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.settings import StockSettings
from pipeline_assets.stocks.load import Loads
from pipeline_assets.stocks.table import AT_A_TIME, StockTable
from pipeline_assets.stocks.tickers import Tickers
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.storage.s3 import open_storage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_RETRYING = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=3,
    read_timeout=5,
    max_pool_connections=max(10, AT_A_TIME),
    # What is sent is made here and well formed; looking it through costs a third of the time of a large file.
    parameter_validation=False,
)


@dataclass(frozen=True, slots=True)
class StockStores:
    """Where price files come from and what they end in."""

    storage: Storage
    ledger: Ledger
    loads: Loads
    tickers: Tickers
    table: StockTable
    quarantine: JsonLinesQuarantine

    @classmethod
    def of(cls, storage: Storage, dynamodb: DynamoDBClient, settings: StockSettings) -> StockStores:
        """The stores that `settings` names, reached through these clients."""
        ledger = settings.ledger_table
        return cls(
            storage,
            Ledger(dynamodb, ledger),
            Loads(dynamodb, ledger),
            Tickers(dynamodb, ledger),
            StockTable(dynamodb, settings.stock_table),
            JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), STOCKS.name),
        )


def open_stores(settings: StockSettings) -> StockStores:
    """The stores that `settings` names; nothing of them has to be closed."""
    dynamodb = boto3.client("dynamodb", config=_RETRYING)
    return StockStores.of(open_storage(_RETRYING), dynamodb, settings)
