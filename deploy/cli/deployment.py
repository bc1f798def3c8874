"""The stores that an operator's command works on: those of a local instance, or those that the environment names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from deploy.cli.loading import access_to
from deploy.local.instance import Instance
from deploy.local.outputs import environment_contract
from deploy.local.processes import keep_to_this_machine
from pipeline_assets.events.dead_letters import DeadLetters
from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.settings import MissingSettingError, Settings
from pipeline_assets.tickets.history import split_uri
from pipeline_assets.tickets.stores import TicketStores, open_stores

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Where:
    """Which deployment a command was told to work on."""

    state: Path | None = None
    port_base: int | None = None
    from_env: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    """The stores and the queue of one deployment; `tickets_bucket` is empty where nobody named it."""

    stores: TicketStores
    sqs: SQSClient
    queue_url: str
    tickets_bucket: str

    @property
    def queue(self) -> EventQueue:
        """The queue that feeds the function."""
        return EventQueue(self.sqs, self.queue_url)

    def dead_letters(self) -> DeadLetters:
        """The dead letters of that queue."""
        return DeadLetters(self.sqs, self.queue_url)

    def object(self, name: str) -> tuple[str, str]:
        """Bucket and key of a file named by its uri, or by its key in the ticket bucket."""
        if not (self.tickets_bucket or name.startswith("s3://")):
            raise MissingSettingError("TICKETS_BUCKET", "the name of the ticket bucket; or name the file as s3://…")
        return split_uri(name, self.tickets_bucket)

    def name_of(self, source: ObjectVersion) -> str:
        """How `object` is told of a file in the fewest words: its key where it lies in the ticket bucket."""
        return source.key if source.bucket == self.tickets_bucket else source.uri


@contextmanager
def deployment(where: Where) -> Iterator[Deployment]:
    """Open a deployment; the environment of a local instance is that of `cesta env`, set for this process."""
    if not where.from_env:
        instance = Instance.at(where.state, where.port_base)
        document = access_to(instance).document
        keep_to_this_machine()
        os.environ.update(environment_contract(instance, document))
    settings = Settings.from_environment()
    with open_stores(settings) as stores:
        yield Deployment(stores, boto3.client("sqs"), settings.tickets_queue_url, settings.tickets_bucket)
