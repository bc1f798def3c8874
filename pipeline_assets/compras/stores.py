"""Stores of the history of purchases, opened once per process, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from botocore.config import Config

from pipeline_assets.compras.catalog import ComprasCatalog
from pipeline_assets.compras.documents import Origin
from pipeline_assets.compras.table import TenantTable
from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

FLOW = "compras"
#: So many documents are asked for at once by who reads a day of them.
CONNECTIONS = 32
_RETRYING = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=CONNECTIONS,
)


@dataclass(frozen=True, slots=True)
class ComprasSettings:
    """Where purchases come from, and where their history goes.

    Parameters
    ----------
    table
        Name of the DynamoDB table of purchases.
    bucket, quarantine_bucket
        Names of the buckets of documents, and of what is rejected.
    ledger_table
        Name of the DynamoDB table of receipts.
    origin
        What the documents say of the deployment.
    dead_letters_url
        Address of the queue of what could not be delivered; empty where a process does not look into it.
    queue_url
        Empty: the stream feeds the function.
    database
        Name of the Glue database of purchases; empty where no tables are to be told of new days.
    """

    table: str
    bucket: str
    quarantine_bucket: str
    ledger_table: str
    origin: Origin
    dead_letters_url: str = ""
    queue_url: str = ""
    database: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> ComprasSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            table=required(environment, "COMPRAS_TABLE", "the name of the DynamoDB table of purchases"),
            bucket=required(environment, "COMPRAS_BUCKET", "the name of the bucket of purchase documents"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            origin=Origin(
                stage=optional(environment, "STAGE", "dev"),
                region=optional(environment, "AWS_REGION") or optional(environment, "AWS_DEFAULT_REGION", "us-east-1"),
                moneda=optional(environment, "COMPRAS_CURRENCY", "USD"),
            ),
            database=optional(environment, "COMPRAS_DATABASE"),
            dead_letters_url=optional(environment, "COMPRAS_DEAD_LETTERS_URL"),
        )


@dataclass(frozen=True, slots=True)
class ComprasStores:
    """Where purchases come from, and where their history goes.

    Parameters
    ----------
    storage
        All buckets.
    documents
        Bucket of documents.
    quarantine
        Where changes are kept that broke a rule.
    ledger
        The receipts.
    purchases
        The table of purchases; the function behind its stream knows it by name alone.
    origin
        What the documents say of the deployment.
    catalog
        The SQL tables; None where nobody asks with SQL.
    """

    storage: Storage
    documents: Bucket
    quarantine: JsonLinesQuarantine
    ledger: Ledger
    purchases: TenantTable
    origin: Origin
    catalog: ComprasCatalog | None = None


@contextmanager
def open_stores(settings: ComprasSettings) -> Iterator[ComprasStores]:
    """Open the stores that `settings` names; nothing of them has to be closed."""
    storage, dynamodb = open_storage(_RETRYING), boto3.client("dynamodb", config=_RETRYING)
    yield ComprasStores(
        storage,
        storage.bucket(settings.bucket),
        JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), FLOW, without_numbers),
        Ledger(dynamodb, settings.ledger_table),
        TenantTable(dynamodb, settings.table),
        settings.origin,
        ComprasCatalog(boto3.client("glue", config=_RETRYING), settings.database, settings.bucket)
        if settings.database
        else None,
    )
