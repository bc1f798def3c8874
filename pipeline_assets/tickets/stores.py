"""The stores that ticket work needs, opened once per process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import boto3
from botocore.config import Config

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.settings import TicketSettings
from pipeline_assets.storage.bucket import Storage
from pipeline_assets.storage.s3 import open_storage

#: A store that hangs has to be found out within what a function keeps in reserve.
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 2}, connect_timeout=3, read_timeout=8)


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


@contextmanager
def open_stores(settings: TicketSettings) -> Iterator[TicketStores]:
    """Open the stores that `settings` names; the graph's connections are closed at the end."""
    storage = open_storage(_RETRYING)
    ledger = Ledger(boto3.client("dynamodb", config=_RETRYING), settings.ledger_table)
    quarantine = JsonLinesQuarantine(storage.bucket(settings.quarantine_bucket), "tickets")
    with PurchaseGraph.connect(settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password) as graph:
        yield TicketStores(storage, ledger, graph, quarantine, settings.day_begins)
