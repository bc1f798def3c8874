"""How fast ticket files come into the purchase graph: the function of the handler against three rivals.

- *Parsed*: is given the rows of the file, parsed and checked, and sends the same Cypher with the same ledger: it does
  not download, parse or check.
- *Prepared*: is given the parameters of every statement too, so that it does not even decide who owns a ticket: what is
  left is the driver, the graph and the ledger, the least that any writer of this graph can take.
- *Row by row*: one transaction per row with a merge for each node and relationship, as one would write it at first.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final, LiteralString, cast
from uuid import uuid4

from pipeline_assets.csv_files.reading import open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import statements
from pipeline_assets.graph.changes import apply
from pipeline_assets.graph.ingestion import Batch, Ingestion, write_ingestion
from pipeline_assets.graph.lock import in_turn
from pipeline_assets.graph.ownership import settle
from pipeline_assets.tickets import ingest
from pipeline_assets.tickets.batches import batches
from pipeline_assets.tickets.rows import RowRules

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

    from pipeline_assets.tickets.stores import TicketStores

_ROW_BY_ROW: Final = """
MERGE (t:Ticket {key: $ticket_id}) SET t.timestamp = datetime(replace($timestamp, ' ', 'T'))
MERGE (b:Basket {key: $basket_id})
MERGE (p:Product {name: $product})
MERGE (s:Store {name: $store})
MERGE (c:Category {name: $category})
MERGE (t)-[:PART_OF]->(b)
MERGE (t)-[:SOLD_AT]->(s)
MERGE (p)-[:IN_CATEGORY]->(c)
MERGE (t)-[line:CONTAINS]->(p) SET line.quantity = toFloat($quantity)
"""


@dataclass(frozen=True, slots=True)
class TicketRace:
    """Both sides on the same stores; every round takes files with tickets that are not in the graph yet."""

    stores: TicketStores
    bucket: str
    files: Iterator[bytes]

    def warm_up(self) -> None:
        """Let the graph's virtual machine compile what it runs, which takes both cores from whoever is measured."""
        for _ in range(_WARMING_FILES):
            self.parsed(0)

    def ours(self, _: int) -> float:
        """Rows per second of the handler's function, from the object in S3 to its receipt."""
        version, _parsed = self._put()
        started = time.perf_counter()
        receipt = ingest.TICKET_FLOW.ingest(version, self.stores)
        return receipt.counts.received / (time.perf_counter() - started)

    def parsed(self, _: int) -> float:
        """Rows per second of the same Cypher and ledger for rows that were parsed and checked beforehand."""
        version, parsed = self._put()
        started = time.perf_counter()
        self.stores.ledger.receipt(version.id)
        ingestion = Ingestion(version)
        for batch in parsed:
            ingestion = self.stores.graph.write(ingestion, batch)
        ingestion = self.stores.graph.finish(ingestion)
        self.stores.ledger.record(ingest.TICKET_FLOW.receipt(ingestion, ingestion.counts, "", 0.0))
        return ingestion.counts.received / (time.perf_counter() - started)

    def prepared(self, _: int) -> float:
        """Rows per second of sending the same statements and the same receipt, made beforehand."""
        version, parsed = self._put()
        transactions = _transactions(version, parsed)
        ingestion = transactions[-1].after
        receipt = ingest.TICKET_FLOW.receipt(ingestion, ingestion.counts, "", 0.0)
        started = time.perf_counter()
        for transaction in transactions:
            in_turn(self.stores.graph.driver, transaction.send)
        self.stores.ledger.receipt(version.id)
        self.stores.ledger.record(receipt)
        return receipt.counts.received / (time.perf_counter() - started)

    def row_by_row(self, _: int) -> float:
        """Rows per second of one transaction for each row, its rows parsed beforehand."""
        rows = list(csv.DictReader(next(self.files).decode().splitlines()))[:_FEW]
        with self.stores.graph.driver.session() as session:
            started = time.perf_counter()
            for row in rows:
                session.execute_write(_merge, row)
            return len(rows) / (time.perf_counter() - started)

    def _put(self) -> tuple[ObjectVersion, list[Batch]]:
        """A new object, and its rows for those who are given them: all sides come to a graph that rested as long."""
        content, key = next(self.files), f"bench/{uuid4().hex}.csv"
        put = self.stores.storage.bucket(self.bucket).put(key, content)
        now = iso_utc(datetime.now(UTC))
        version = ObjectVersion(self.bucket, key, put.version_id, put.etag, len(content), now, "1")
        return version, _batches(version, content)


#: The virtual machine of the graph takes 9 s of the cores for the first file, and stays at 1.5 to 2 s after a dozen.
_WARMING_FILES = 25
#: Rows that one transaction each takes long enough to be timed.
_FEW = 400


def _merge(tx: ManagedTransaction, row: dict[str, Any]) -> None:
    tx.run(_ROW_BY_ROW, row).consume()


@dataclass(frozen=True, slots=True)
class _Transaction:
    """One transaction of our writer, whose statements are known before it begins."""

    ingestion: Ingestion
    after: Ingestion
    tickets: list[str]
    changes: list[tuple[LiteralString, dict[str, Any]]]

    def send(self, tx: ManagedTransaction) -> None:
        """Send what our writer sends, and read the answers it reads."""
        version = self.ingestion.version
        tx.run(statements.READ_INGESTION, id=version.id).single()
        if self.tickets:
            list(tx.run(statements.READ_TICKETS, keys=self.tickets))
            tx.run(statements.NEWER_VERSION, uri=version.uri, stamp=version.stamp, whole=2).single()
        else:
            list(tx.run(statements.READ_UNDECIDED_INGESTIONS, uri=version.uri, whole=2))
            list(tx.run(statements.READ_NEWEST_WHOLE_INGESTIONS, uri=version.uri, whole=2))
        for text, parameters in self.changes:
            tx.run(text, parameters).consume()
        write_ingestion(tx, self.after)


@dataclass(slots=True)
class _Recorder:
    """Takes statements instead of a transaction."""

    taken: list[tuple[LiteralString, dict[str, Any]]] = field(default_factory=list)

    def run(self, text: LiteralString, parameters: dict[str, Any]) -> _Recorder:
        self.taken.append((text, parameters))
        return self

    def consume(self) -> None:
        return


def _transactions(version: ObjectVersion, parsed: list[Batch]) -> list[_Transaction]:
    """What our writer sends for a file of which the graph knows nothing."""
    ingestion, made = Ingestion(version), []
    for batch in parsed:
        settlement = settle(batch.lines, {}, version.stamp, ingestion.run, outdated=False)
        recorder = _Recorder()
        effects = apply(cast("ManagedTransaction", recorder), settlement)
        after = ingestion.with_batch(batch, settlement.days, effects)
        tickets = sorted(ticket.text for ticket in settlement.changes)
        made.append(_Transaction(ingestion, after, tickets, recorder.taken))
        ingestion = after
    return [*made, _Transaction(ingestion, replace(ingestion, done=True), [], [])]


def _batches(version: ObjectVersion, content: bytes) -> list[Batch]:
    with NamedTemporaryFile(suffix=".csv") as file:
        Path(file.name).write_bytes(content)
        with open_csv(Path(file.name), version.key, TICKETS) as tickets:
            rules = RowRules(tickets.header, datetime.fromisoformat(version.event_time))
            return [batch for batch, _ in batches(tickets, rules, ingest.BATCH_ROWS)]
