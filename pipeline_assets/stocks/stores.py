"""Stores of the stock feed, opened once per process, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.stocks.ingestion import Ingestions
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
class StockSettings:
    """Where the stores of the stock feed are.

    `bucket` is empty where a process does not look into the bucket of price files itself: a function is told of each
    file.
    """

    queue_url: str
    quarantine_bucket: str
    ledger_table: str
    stock_table: str = "StockData"
    bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> StockSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            queue_url=required(environment, "STOCKS_QUEUE_URL", "the address of the queue of price files"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            stock_table=optional(environment, "TABLE_NAME", "StockData"),
            bucket=optional(environment, "STOCKS_BUCKET"),
        )


@dataclass(frozen=True, slots=True)
class StockStores:
    """Where price files come from and what they end in."""

    storage: Storage
    ledger: Ledger
    ingestions: Ingestions
    tickers: Tickers
    table: StockTable
    quarantine: JsonLinesQuarantine

    @classmethod
    def of(cls, storage: Storage, dynamodb: DynamoDBClient, settings: StockSettings) -> StockStores:
        """Build the stores on clients that are open.

        Parameters
        ----------
        storage
            The buckets.
        dynamodb
            Client of the tables.
        settings
            Names of tables and buckets.

        Returns
        -------
        StockStores
            All of them.
        """
        ledger = settings.ledger_table
        return cls(
            storage,
            Ledger(dynamodb, ledger),
            Ingestions(dynamodb, ledger),
            Tickers(dynamodb, ledger),
            StockTable(dynamodb, settings.stock_table),
            JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), STOCKS.name),
        )


@contextmanager
def open_stores(settings: StockSettings) -> Iterator[StockStores]:
    """Open the stores that `settings` names; nothing of them has to be closed."""
    dynamodb = boto3.client("dynamodb", config=_RETRYING)
    yield StockStores.of(open_storage(_RETRYING), dynamodb, settings)
