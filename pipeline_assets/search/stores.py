"""Stores of the two flows into the index, opened once per process, and the settings that name them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

import boto3
from botocore.config import Config

from pipeline_assets.access.tenants import KnownTenants
from pipeline_assets.compras.table import TenantTable
from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.search.documents import keys_of_kind
from pipeline_assets.search.engine import SharedEngine, open_engine
from pipeline_assets.search.engines import SearchEngines
from pipeline_assets.search.names import Kind
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.storage.s3 import open_storage

#: Names of the flows, by what they bring in.
PRODUCTS_FLOW, PURCHASES_FLOW = "products-search", "compras-search"
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=10)


@dataclass(frozen=True)
class SearchSettings:
    """Where changes come from, and which engine has the indexes.

    A subclass says the name of its flow, what it brings in, and which variable names its table.

    Parameters
    ----------
    table
        Name of the DynamoDB table whose changes they are.
    quarantine_bucket
        Name of the bucket of what is rejected.
    ledger_table
        Name of the DynamoDB table of receipts.
    stage
        The deployment's, which is part of the names of indexes.
    moneda
        Currency of prices that name none.
    engine
        The shared engine: its address, and how it lets in.
    tenants_table
        Name of the DynamoDB table of tenants; empty where all of them are in the shared engine.
    dead_letters_url
        Address of the queue of what could not be delivered; empty where a process does not look into it.
    queue_url, bucket
        Empty: the stream feeds the function, and no bucket holds what it makes.
    """

    flow: ClassVar[str]
    kind: ClassVar[Kind]
    table_variable: ClassVar[str]

    table: str
    quarantine_bucket: str
    ledger_table: str
    stage: str
    moneda: str
    engine: SharedEngine
    tenants_table: str = ""
    dead_letters_url: str = ""
    queue_url: str = ""
    bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> Self:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            table=required(environment, cls.table_variable, f"the name of the DynamoDB table of {cls.kind}"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            stage=optional(environment, "STAGE", "dev"),
            moneda=optional(environment, "COMPRAS_CURRENCY", "USD"),
            engine=SharedEngine.from_environment(environment),
            tenants_table=optional(environment, "TENANTS_TABLE"),
            dead_letters_url=optional(environment, f"{cls.flow.upper().replace('-', '_')}_DEAD_LETTERS_URL"),
        )


class ProductsSearchSettings(SearchSettings):
    """Settings of the flow of products."""

    flow = PRODUCTS_FLOW
    kind = "products"
    table_variable = "PRODUCTS_TABLE"


class ComprasSearchSettings(SearchSettings):
    """Settings of the flow of purchases."""

    flow = PURCHASES_FLOW
    kind = "purchases"
    table_variable = "COMPRAS_TABLE"


@dataclass(frozen=True, slots=True)
class SearchStores:
    """Where changes come from, and which engines have the indexes.

    Parameters
    ----------
    storage
        All buckets.
    quarantine
        Where changes are kept that broke a rule.
    ledger
        The receipts.
    table
        The table whose changes they are; the function behind its stream knows it by name alone.
    engines
        Which engine has the indexes of a tenant.
    stage
        Part of the names of indexes.
    moneda
        Currency of prices that name none.
    tenants
        The table of tenants; None where all of them are in the shared engine.
    """

    storage: Storage
    quarantine: JsonLinesQuarantine
    ledger: Ledger
    table: TenantTable
    engines: SearchEngines
    stage: str
    moneda: str
    tenants: KnownTenants | None = None


@contextmanager
def open_stores(settings: SearchSettings) -> Iterator[SearchStores]:
    """Open the stores that `settings` names, of which none has to be closed; raises `TransientError`, `UserError`."""
    storage, dynamodb = open_storage(_RETRYING), boto3.client("dynamodb", config=_RETRYING)
    tenants = KnownTenants(dynamodb, settings.tenants_table) if settings.tenants_table else None
    yield SearchStores(
        storage,
        JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), settings.flow, without_numbers),
        Ledger(dynamodb, settings.ledger_table),
        TenantTable(dynamodb, settings.table, keys_of_kind(settings.kind)[1]),
        SearchEngines(settings.engine.open(), tenants, open_engine),
        settings.stage,
        settings.moneda,
        tenants,
    )
