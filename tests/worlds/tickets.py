"""A bucket, a ledger and a graph of their own for tests that work whole histories of ticket files in."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets.ingest import TICKET_FLOW
from pipeline_assets.tickets.rebuild import Rebuild, rebuild_graph
from pipeline_assets.tickets.stores import TicketStores
from tests.worlds import ticket_cloud
from tests.worlds.graph_picture import Picture, picture
from tests.worlds.stores import ledger_table, make_bucket

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

HEADER = ticket_cloud.HEADER.rstrip("\n")
Rows = list[str]


def row(ticket: str, product: str = "Bread", quantity: object = 1, category: str = "Bakery", store: str = "S1") -> str:
    return ticket_cloud.row(ticket, product, quantity, category=category, store=store).rstrip("\n")


@dataclass
class TicketWorld:
    """A bucket that announces nothing, an empty ledger, an empty graph."""

    cloud: RunningStack
    bucket: str
    table: str
    put_so_far: int = 0
    versions: list[ObjectVersion] = field(default_factory=list)

    def stores(self, graph: Any = None) -> TicketStores:
        access = self.cloud.access
        quarantine = JsonLinesQuarantine(access.open_bucket("quarantine"), "tickets")
        return TicketStores(access.storage, self.ledger, graph or PurchaseGraph(self.cloud.graph), quarantine)

    @property
    def ledger(self) -> Ledger:
        """The receipts."""
        return Ledger(self.cloud.access.dynamodb, self.table)

    def put(
        self, key: str, *rows: str, header: str = HEADER, cut: bool = False, emptied: bool = False
    ) -> ObjectVersion:
        body = "\n".join([header, *rows]).encode()
        body = gzip.compress(body)[:-8] if cut else body
        sign = {"cesta-empty": "yes"} if emptied else {}
        put = self.cloud.access.s3.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=sign)
        self.put_so_far += 1
        now, etag = iso_utc(datetime.now(UTC)), put["ETag"].strip('"')
        event = ObjectVersion(self.bucket, key, put["VersionId"], etag, len(body), now, f"55AE{self.put_so_far:014X}")
        self.versions.append(event)
        return event

    def load(self, key: str, *rows: str) -> ObjectVersion:
        version = self.put(key, *rows)
        TICKET_FLOW.ingest(version, self.stores())
        return version

    def delete(self, version: ObjectVersion) -> None:
        self.cloud.access.s3.delete_object(Bucket=self.bucket, Key=version.key, VersionId=version.version_id)

    def rebuild(self, *, force: bool = False, graph: Any = None) -> Rebuild:
        return rebuild_graph(self.stores(graph), self.bucket, force=force, progress=lambda *_: None)

    def picture(self) -> Picture:
        return picture(self.cloud.graph)

    def retired(self) -> set[str]:
        """The tickets that have left the graph."""
        query = "MATCH (r:RetiredTicket) WHERE NOT EXISTS { MATCH (:Ticket {key: r.key}) } RETURN r.ticket_id AS ticket"
        return {record["ticket"] for record in self.cloud.graph.execute_query(query).records}

    def forget(self) -> None:
        self.cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
        dynamodb = self.cloud.access.dynamodb
        for item in dynamodb.scan(TableName=self.table)["Items"]:
            dynamodb.delete_item(TableName=self.table, Key={"pk": item["pk"], "sk": item["sk"]})


@contextmanager
def ticket_world(cloud: RunningStack) -> Iterator[TicketWorld]:
    """A world that nothing has happened in."""
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")
    name = f"rebuild-{uuid4().hex}"
    make_bucket(cloud.access.s3, name)
    with ledger_table(cloud.access.dynamodb) as table:
        yield TicketWorld(cloud, name, table)
    cloud.graph.execute_query("MATCH (n) DETACH DELETE n")


def random_rows(dice: random.Random) -> Rows:
    return [
        row(
            f"T{dice.randint(1, 8)}",
            dice.choice(["Bread", "Milk", "Salt"]),
            dice.choice([1, 2, 2.5, 0]),
            dice.choice(["Bakery", "Dairy", ""]),
            dice.choice(["S1", "S2"]),
        )
        for _ in range(dice.randint(0, 9))
    ]


def random_files(world: TicketWorld, dice: random.Random) -> None:
    """Files put again and again, one of them refused and one deleted, and none of them delivered."""
    for _ in range(8):
        world.put(dice.choice(["a.csv", "b.csv", "ñ c.csv"]), *random_rows(dice))
    world.put("refused.csv", "1", header="no,header")
    world.put("a.csv", *random_rows(dice), cut=True)
    world.put("only cut.csv", *random_rows(dice), cut=True)
    world.put("ñ c.csv", emptied=dice.random() < 0.5)
    world.cloud.access.s3.delete_object(Bucket=world.bucket, Key="b.csv")


def random_history(world: TicketWorld, dice: random.Random) -> None:
    """Files as `random_files` puts them, delivered in any order, some worked anew."""
    random_files(world, dice)
    deliveries = [*world.versions, *dice.choices(world.versions, k=3)]
    dice.shuffle(deliveries)
    for version in deliveries:
        TICKET_FLOW.ingest(version, world.stores(), redo=dice.random() < 0.3)
