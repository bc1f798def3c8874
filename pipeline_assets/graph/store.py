"""The purchase graph over Bolt: one transaction per batch, with the batch's place in its object in it.

Works on Neo4j and on the embedded graph with the official driver. Every method raises `TransientError` when the graph
cannot be reached or does not take the work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.graph import statements
from pipeline_assets.graph.changes import apply, read_claims
from pipeline_assets.graph.ingestion import (
    Batch,
    BehindError,
    Ingestion,
    KnownIngestion,
    Rank,
    known_ingestion,
    read_ingestion,
    write_ingestion,
)
from pipeline_assets.graph.lock import LockTimeoutError, NoLockError, in_turn
from pipeline_assets.graph.ownership import TicketKey, settle, ticket_of
from pipeline_assets.graph.standing import (
    claimed_tickets,
    deciding_ingestions,
    ingestions_of_object,
    recount_others,
    settle_standing,
    take_back,
)

if TYPE_CHECKING:
    from neo4j import Driver, ManagedTransaction

T = TypeVar("T")
#: How many tickets one transaction retires.
RETIRE_BATCH = 2_000


class PurchaseGraph:
    """Reads and writes the purchase graph; safe to share between threads as the driver is."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    @classmethod
    @contextmanager
    def connect(cls, uri: str, user: str, password: str) -> Iterator[PurchaseGraph]:
        """Open a graph; the driver repeats a refused transaction for four seconds, after which the queue does.

        Parameters
        ----------
        uri
            Bolt address.
        user, password
            Login.

        Yields
        ------
        PurchaseGraph
            Its connections are closed at the end.
        """
        from neo4j import GraphDatabase  # noqa: PLC0415 - with pandas beside it, it takes a second: not to load definitions

        with GraphDatabase.driver(
            uri,
            auth=(user, password),
            connection_timeout=5.0,
            connection_acquisition_timeout=10.0,
            # A server that hangs lets every read of a connection wait for ever; this one ends after the time above.
            liveness_check_timeout=1.0,
            max_transaction_retry_time=4.0,
            initial_retry_delay=0.1,
            notifications_min_severity="OFF",
        ) as driver:
            yield cls(driver)

    def ensure_schema(self) -> None:
        """Make the unique constraints, the indexes and the writers' lock where they are missing."""
        with _transient():
            for label, key in statements.UNIQUE_KEYS.items():
                name = f"{label}_{key}".lower()
                self._schema(f"CREATE CONSTRAINT {name} IF NOT EXISTS FOR (n:{label}) REQUIRE n.{key} IS UNIQUE")
            for label, key in statements.INDEXES:
                name = f"{label}_{key}_index".lower()
                self._schema(f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON (n.{key})")
            self.driver.execute_query(statements.MAKE_LOCK)

    def ingestion(self, version: ObjectVersion) -> Ingestion | None:
        """Progress of an object version, or None when it was never begun."""
        with _transient(version), self.driver.session() as session:
            return session.execute_read(read_ingestion, version)

    def write(self, ingestion: Ingestion, batch: Batch) -> Ingestion:
        """Write one batch, and the place where the next one begins, in one transaction.

        Parameters
        ----------
        ingestion
            Progress of the object before the batch.
        batch
            Its next records.

        Returns
        -------
        Ingestion
            Progress after it.

        Raises
        ------
        BehindError
            The object is not where `ingestion` says; nothing was changed.
        TransientError
            The graph did not take the work.
        """

        def work(tx: ManagedTransaction) -> Ingestion:
            known = read_ingestion(tx, ingestion.version)
            if not ingestion.follows(known):
                raise BehindError(ingestion.version, known)
            held = read_claims(tx, {TicketKey(*ticket) for ticket in set(map(ticket_of, batch.lines))})
            outdated = _outdated(tx, ingestion.version)
            settlement = settle(batch.lines, held, ingestion.version.stamp, ingestion.run, outdated=outdated)
            effects = apply(tx, settlement)
            after = ingestion.counting_on(known).with_batch(batch, settlement.days, effects, settlement.crowded)
            after = replace(after, overtaken=after.overtaken or (outdated and bool(batch.lines)))
            after = recount_others(tx, settlement, after)
            write_ingestion(tx, after)
            return after

        return self.in_turn(ingestion.version, work)

    def finish(self, ingestion: Ingestion) -> Ingestion:
        """Take back the claims of all versions of this object's key but the one that stands; call it until `done`.

        Where the standing version is one whose claims were taken back before, it is begun again: whoever calls this has
        to work it in.

        Parameters
        ----------
        ingestion
            Progress of a version that was read to its end.

        Returns
        -------
        Ingestion
            `done` when no claim is left that has to go; one transaction takes back a limited number.

        Raises
        ------
        BehindError
            As from `write`; or this version would stand but was overtaken on its way by one that stands no more, and
            has been begun again.
        TransientError
            The graph did not take the work.
        """

        def work(tx: ManagedTransaction) -> Ingestion:
            known = read_ingestion(tx, ingestion.version)
            if not ingestion.follows(known):
                raise BehindError(ingestion.version, known)
            ended = ingestion.counting_on(known)
            losing = settle_standing(ended, deciding_ingestions(tx, ingestion.version.uri))
            if ended.overtaken and ended.rank and not losing.stands:
                write_ingestion(tx, again := ended.begun_again())
                return again
            tickets = claimed_tickets(tx, losing.owners, RETIRE_BATCH)
            after = take_back(tx, tickets, losing.owners, ended)
            if len(tickets) < RETIRE_BATCH:
                after = losing.close(tx, after)
            write_ingestion(tx, after)
            return after

        after = self.in_turn(ingestion.version, work)
        if after.run > ingestion.run:
            raise BehindError(ingestion.version, after)
        return after

    def known(self, receipt_id: str) -> KnownIngestion | None:
        """What the graph keeps of a version by its receipt's id, or None when it was never begun."""
        with _transient(), self.driver.session() as session:
            record = session.execute_read(lambda tx: tx.run(statements.READ_INGESTION, id=receipt_id).single())
        return known_ingestion(record) if record else None

    def unreported_ingestions(self, receipt_ids: Collection[str]) -> list[KnownIngestion]:
        """Those of these ingestions whose counts have changed since the ledger was written."""
        bound = {"ids": sorted(receipt_ids)}
        return self.read(
            lambda tx: [known_ingestion(record) for record in tx.run(statements.READ_UNTOLD_INGESTIONS, bound)]
        )

    def mark_reported(self, known: KnownIngestion) -> None:
        """Mark an ingestion's counts as written to the ledger, unless they have changed since."""
        bound = {"id": known.id, "run": known.ingestion.run, "revision": known.ingestion.revision}
        self.in_turn(None, lambda tx: tx.run(statements.SET_TOLD, bound).consume())

    def ingestions_of(self, uri: str) -> list[KnownIngestion]:
        """The versions of an object that the graph knows, oldest first."""
        with _transient(), self.driver.session() as session:
            return session.execute_read(ingestions_of_object, uri)

    def open_ingestions_of(self, uri: str) -> list[KnownIngestion]:
        """The version of an object that stands and those that are on their way, oldest first."""
        with _transient(), self.driver.session() as session:
            records = session.execute_read(lambda tx: list(tx.run(statements.READ_OPEN_INGESTIONS, uri=uri)))
        return [known_ingestion(record) for record in records]

    def sizes(self) -> dict[str, int]:
        """Nodes per label and relationships per type."""
        sizes: dict[str, int] = {}
        with _transient():
            for label in ("Ticket", "Basket", "Product", "Category", "Store"):
                sizes[label] = self._count(f"MATCH (n:{label}) RETURN count(n) AS n")
            for kind in statements.RELATIONSHIPS:
                sizes[kind] = self._count(f"MATCH ()-[r:{kind}]->() RETURN count(r) AS n")
        return sizes

    def finished_ingestions(self) -> int:
        """How many object versions are in the graph to their last row, those of which no row counts left out."""
        with _transient():
            return self._count(
                "MATCH (load:TicketLoad) WHERE load.state = 'done' AND load.rank > 0 RETURN count(load) AS n"
            )

    def duplicate_keys(self) -> dict[str, int]:
        """For every label, how many keys stand on more than one node; all zero while the constraints hold."""
        with _transient():
            return {
                label: self._count(
                    f"MATCH (n:{label}) WITH n.{key} AS key, count(*) AS nodes WHERE nodes > 1 RETURN count(key) AS n"
                )
                for label, key in statements.UNIQUE_KEYS.items()
            }

    def incomplete_tickets(self) -> int:
        """How many tickets lack a basket, a store or a line."""
        with _transient():
            return self._count(
                "MATCH (t:Ticket) WHERE NOT EXISTS { MATCH (t)-[:PART_OF]->(:Basket) } "
                "OR NOT EXISTS { MATCH (t)-[:SOLD_AT]->(:Store) } "
                "OR NOT EXISTS { MATCH (t)-[:CONTAINS]->(:Product) } RETURN count(t) AS n"
            )

    def read(self, work: Callable[[ManagedTransaction], T]) -> T:
        """Run a read transaction; raises `TransientError`."""
        with _transient(), self.driver.session() as session:
            return session.execute_read(work)

    def in_turn(self, version: ObjectVersion | None, work: Callable[[ManagedTransaction], T]) -> T:
        """Run a write transaction under the lock; `TransientError` names the object version it was for."""
        with _transient(version):
            try:
                return in_turn(self.driver, work)
            except NoLockError:
                self.ensure_schema()
                return in_turn(self.driver, work)

    def _schema(self, text: str) -> None:
        self.driver.execute_query(text)

    def _count(self, text: str) -> int:
        return int(self.driver.execute_query(text, routing_="r").records[0]["n"])


@contextmanager
def _transient(version: ObjectVersion | None = None) -> Iterator[None]:
    from neo4j.exceptions import DriverError, Neo4jError  # noqa: PLC0415

    try:
        yield
    except (DriverError, Neo4jError, OSError, LockTimeoutError) as error:
        message = f"the purchase graph did not take the work: {type(error).__name__}: {error}"
        raise TransientError(message, flow="tickets", object_uri=version.uri if version else "") from error


def _outdated(tx: ManagedTransaction, version: ObjectVersion) -> bool:
    record = tx.run(statements.NEWER_VERSION, uri=version.uri, stamp=version.stamp, whole=int(Rank.WHOLE)).single(
        strict=True
    )
    return bool(record["newer"])
