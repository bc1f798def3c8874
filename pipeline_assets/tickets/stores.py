"""Stores of the ticket flow, opened once per process, and the settings that name them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import boto3
from botocore.config import Config

from pipeline_assets.events.environment import Environment, MissingSettingError, UnknownSettingError, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.storage.s3 import open_storage

#: A store that hangs has to be found out within what a function keeps in reserve.
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=3, read_timeout=8)


@dataclass(frozen=True, slots=True)
class TicketSettings:
    """Where the stores of the ticket flow are.

    `bucket` is empty where a process does not look into the bucket of ticket files itself: a function is told of each
    file. `day_begins` is how long after midnight UTC the day begins that a purchase belongs to.
    """

    neo4j_uri: str
    neo4j_user: str
    neo4j_password: str = field(repr=False)
    queue_url: str
    quarantine_bucket: str
    ledger_table: str
    bucket: str = ""
    day_begins: timedelta = timedelta()

    @classmethod
    def from_environment(cls, environment: Environment = None) -> TicketSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            neo4j_uri=required(
                environment, "NEO4J_URI", "the Bolt address of the purchase graph, such as bolt://10.0.0.7:7687"
            ),
            neo4j_user=optional(environment, "NEO4J_USER", "neo4j"),
            neo4j_password=required(environment, "NEO4J_PASSWORD", "the graph's password"),
            queue_url=required(environment, "TICKETS_QUEUE_URL", "the address of the queue of ticket files"),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            bucket=optional(environment, "TICKETS_BUCKET"),
            day_begins=_day_begins(environment),
        )

    def require_bucket(self) -> str:
        """Name of the bucket of ticket files.

        Returns
        -------
        str
            The name.

        Raises
        ------
        MissingSettingError
            It was not set.
        """
        if not self.bucket:
            raise MissingSettingError("TICKETS_BUCKET", "the name of the bucket of ticket files")
        return self.bucket


def _day_begins(environment: Environment) -> timedelta:
    name, text = "TICKETS_DAY_BEGINS", optional(environment, "TICKETS_DAY_BEGINS", "00:00")
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise UnknownSettingError(name, text, "a time of day in UTC such as 00:00 or 06:30")
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


@dataclass(frozen=True, slots=True)
class TicketStores:
    """Where ticket files come from and what they end in.

    `day_begins` is how long after midnight UTC the day begins that a purchase belongs to.
    """

    storage: Storage
    ledger: Ledger
    graph: PurchaseGraph
    quarantine: JsonLinesQuarantine
    day_begins: timedelta = timedelta()


class TicketFiles(Protocol):
    """What of the stores ticket files are read by: `TicketStores` is one."""

    @property
    def storage(self) -> Storage:
        """All buckets."""

    @property
    def ledger(self) -> Ledger:
        """The receipts, by which versions keep their places in the order."""

    @property
    def day_begins(self) -> timedelta:
        """How long after midnight UTC the day begins that a purchase belongs to."""


@dataclass(frozen=True, slots=True)
class StoredTicketFiles:
    """Ticket files without graph and quarantine: a `TicketFiles`."""

    storage: Storage
    ledger: Ledger
    day_begins: timedelta = timedelta()

    @classmethod
    def open(cls, ledger_table: str, day_begins: timedelta) -> StoredTicketFiles:
        """Open the storage, and the ledger in a table, that the environment reaches."""
        return cls(
            open_storage(_RETRYING), Ledger(boto3.client("dynamodb", config=_RETRYING), ledger_table), day_begins
        )


@contextmanager
def open_stores(settings: TicketSettings) -> Iterator[TicketStores]:
    """Open the stores that `settings` names; the graph's connections are closed at the end."""
    storage = open_storage(_RETRYING)
    ledger = Ledger(boto3.client("dynamodb", config=_RETRYING), settings.ledger_table)
    quarantine = JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), "tickets")
    with PurchaseGraph.connect(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password) as graph:
        yield TicketStores(storage, ledger, graph, quarantine, settings.day_begins)
