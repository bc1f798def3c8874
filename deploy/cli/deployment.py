"""The stores that an operator's command works on: those of a local instance, or those that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

import boto3

from deploy.cli.loading import access_to
from deploy.local.instance import Instance
from deploy.local.outputs import environment_contract
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.csv_files.ingest import FileFlow, StoresT
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.sources import ObjectVersion, Source
from pipeline_assets.operations.versions import split_uri
from pipeline_assets.settings import CurationSettings, InboxSettings, MissingSettingError, StockSettings, TicketSettings
from pipeline_assets.stocks.ingest import STOCK_FLOW
from pipeline_assets.stocks.stores import open_stores as open_stock_stores
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.stores import TicketStores
from pipeline_assets.tickets.stores import open_stores as open_ticket_stores

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from pipeline_assets.curation.ingest import CurationFlow
    from pipeline_assets.raw.inbox import InboxFlow


@dataclass(frozen=True, slots=True)
class Where:
    """Which deployment a command was told to work on."""

    state: Path | None = None
    port_base: int | None = None
    from_env: bool = False


@dataclass(frozen=True, slots=True)
class Deployment(Generic[StoresT]):
    """The stores and the queue of one flow in a deployment; `bucket` is that of its files, empty where nobody said."""

    flow: FileFlow[Any, StoresT] | CurationFlow | InboxFlow
    stores: StoresT
    sqs: SQSClient
    queue_url: str
    bucket: str

    @property
    def queue(self) -> EventQueue:
        """The queue that feeds the function."""
        return EventQueue(self.sqs, self.queue_url)

    def dead_letters(self) -> DeadLetters:
        """The dead letters of that queue."""
        return DeadLetters(self.sqs, self.queue_url)

    def object(self, name: str) -> tuple[str, str]:
        """Bucket and key of a file named by its uri, or by its key in the bucket of the flow's files."""
        if not name.startswith("s3://"):
            self.require_bucket()
        return split_uri(name, self.bucket)

    def require_bucket(self) -> str:
        """The name of the bucket of the flow's files; raises `MissingSettingError` when nobody said."""
        if not self.bucket:
            name = f"{self.flow.name.upper()}_BUCKET"
            raise MissingSettingError(name, f"the name of the bucket of {self.flow.name}; or name a file as s3://…")
        return self.bucket

    def name_of(self, source: Source) -> str:
        """How `object` is told of a source in the fewest words: a file's key where it lies in that bucket."""
        return source.key if isinstance(source, ObjectVersion) and source.bucket == self.bucket else source.uri


@contextmanager
def deployment(where: Where) -> Iterator[Deployment[TicketStores]]:
    """Open the ticket flow of a deployment."""
    _enter(where)
    settings = TicketSettings.from_environment()
    with open_ticket_stores(settings) as stores:
        sqs = boto3.client("sqs")
        yield Deployment(TICKET_FLOW, stores, sqs, settings.tickets_queue_url, settings.tickets_bucket)


@contextmanager
def deployment_of(flow: str, where: Where) -> Iterator[Deployment[Any]]:
    """Open the flow of this name."""
    if flow == TICKET_FLOW.name:
        with deployment(where) as there:
            yield there
        return
    _enter(where)
    sqs = boto3.client("sqs")
    if flow == STOCK_FLOW.name:
        stocks = StockSettings.from_environment()
        yield Deployment(STOCK_FLOW, open_stock_stores(stocks), sqs, stocks.stocks_queue_url, stocks.stocks_bucket)
        return
    # Polars takes a moment to import, which nobody else needs to wait for.
    from pipeline_assets.raw.inbox import INBOX_FLOW  # noqa: PLC0415
    from pipeline_assets.raw.stores import open_inbox_stores  # noqa: PLC0415

    if flow == INBOX_FLOW.name:
        inbox = InboxSettings.from_environment()
        yield Deployment(INBOX_FLOW, open_inbox_stores(inbox), sqs, inbox.inbox_queue_url, inbox.inbox_bucket)
        return
    from pipeline_assets.curation.ingest import CURATION_FLOW  # noqa: PLC0415
    from pipeline_assets.curation.stores import open_stores as open_curation_stores  # noqa: PLC0415

    lake = CurationSettings.from_environment()
    yield Deployment(CURATION_FLOW, open_curation_stores(lake), sqs, lake.raw_queue_url, lake.raw_bucket)


def _enter(where: Where) -> None:
    """Take on the environment of a local instance, which is that of `cesta env`, unless the person's own is meant."""
    if where.from_env:
        return
    instance = Instance.at(where.state, where.port_base)
    document = access_to(instance).document
    keep_to_this_machine()
    os.environ.update(environment_contract(instance, document))
