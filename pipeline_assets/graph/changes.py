"""What a settled batch changes in the graph, as bound parameters of a few statements inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, LiteralString

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.graph import statements
from pipeline_assets.graph.ownership import Content, Held, ProductLine, Quantity, Settlement

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

Row = dict[str, Any]


def read_held(tx: ManagedTransaction, ticket_ids: Collection[str]) -> dict[str, Held]:
    """What the graph knows of these tickets, retired ones included."""
    ids = sorted(ticket_ids)
    held = {record["ticket_id"]: Held(record["owner"], None) for record in tx.run(statements.READ_RETIRED, ids=ids)}
    for record in tx.run(statements.READ_TICKETS, ids=ids):
        content = Content(
            iso_utc(record["timestamp"].to_native()),
            set(record["baskets"]),
            set(record["stores"]),
            {
                product: ProductLine(_number(quantity), category or "", set(hashes))
                for product, quantity, category, hashes in record["lines"]
            },
        )
        held[record["ticket_id"]] = Held(record["owner"], content)
    return held


def apply(tx: ManagedTransaction, settlement: Settlement, owner: str) -> dict[str, int]:
    """Write a settled batch; returns how many tickets and lines were created, replaced, dropped and retired."""
    change = _Change()
    for ticket, (before, after) in settlement.put.items():
        change.ticket(ticket, before, after, owner)
    for ticket, content in settlement.retire.items():
        change.retire(ticket, content, owner)
    change.revived = sorted(settlement.revived)
    change.write(tx)
    return change.effects()


def retire(tx: ManagedTransaction, held: Mapping[str, Held]) -> dict[str, int]:
    """Take tickets out of the graph, leaving a tombstone with the owner each of them had."""
    change = _Change()
    for ticket, known in held.items():
        change.retire(ticket, known.content, known.owner)
    change.write(tx)
    return change.effects()


@dataclass(slots=True)
class _Change:
    """The rows of each statement; what is dropped is remembered, since something may be left without support."""

    tickets: list[Row] = field(default_factory=list)
    created: int = 0
    replaced: int = 0
    put_lines: list[Row] = field(default_factory=list)
    drop_lines: list[Row] = field(default_factory=list)
    put_baskets: list[Row] = field(default_factory=list)
    drop_baskets: list[Row] = field(default_factory=list)
    put_stores: list[Row] = field(default_factory=list)
    drop_stores: list[Row] = field(default_factory=list)
    retired: list[Row] = field(default_factory=list)
    leaving: list[str] = field(default_factory=list)
    revived: list[str] = field(default_factory=list)
    #: Of the lines that go: (product, category), the category empty where the line had none.
    unsupported: set[tuple[str, str]] = field(default_factory=set)

    def ticket(self, ticket: str, before: Content | None, after: Content, owner: str) -> None:
        self.tickets.append({"ticket_id": ticket, "timestamp": after.timestamp, "owner": owner})
        self.created += before is None
        self.replaced += before is not None
        was = before or Content()
        for product, line in was.lines.items():
            if after.lines.get(product) != line:
                self._drop_line(ticket, product, line)
        for product, line in after.lines.items():
            if was.lines.get(product) != line:
                self.put_lines.append(_line_row(ticket, product, line))
        self.drop_baskets += _named(ticket, was.baskets - after.baskets)
        self.put_baskets += _named(ticket, after.baskets - was.baskets)
        self.drop_stores += _named(ticket, was.stores - after.stores)
        self.put_stores += _named(ticket, after.stores - was.stores)

    def retire(self, ticket: str, content: Content | None, owner: str) -> None:
        self.retired.append({"ticket_id": ticket, "owner": owner})
        if content is None:
            return
        self.leaving.append(ticket)
        for product, line in content.lines.items():
            self._drop_line(ticket, product, line)
        self.drop_baskets += _named(ticket, content.baskets)
        self.drop_stores += _named(ticket, content.stores)

    def _drop_line(self, ticket: str, product: str, line: ProductLine) -> None:
        self.drop_lines.append({"ticket_id": ticket, "product": product})
        self.unsupported.add((product, line.category))

    def effects(self) -> dict[str, int]:
        return {
            "tickets_created": self.created,
            "tickets_replaced": self.replaced,
            "tickets_retired": len(self.leaving),
            "lines_written": len(self.put_lines),
            "lines_dropped": len(self.drop_lines),
        }

    def write(self, tx: ManagedTransaction) -> None:
        _run(tx, statements.DROP_LINES, rows=self.drop_lines)
        _run(tx, statements.DROP_BASKETS, rows=self.drop_baskets)
        _run(tx, statements.DROP_STORES, rows=self.drop_stores)
        _run(tx, statements.DROP_TICKETS, ids=self.leaving)
        _run(tx, statements.DROP_RETIRED, ids=self.revived)
        _run(tx, statements.PUT_RETIRED, rows=_ordered(self.retired))
        _run(tx, statements.PUT_TICKETS, rows=_ordered(self.tickets))
        _run(tx, statements.PUT_BASKETS, rows=_ordered(self.put_baskets))
        _run(tx, statements.PUT_STORES, rows=_ordered(self.put_stores))
        _run(tx, statements.PUT_PRODUCTS, names=sorted({row["product"] for row in self.put_lines}))
        _run(tx, statements.PUT_LINES, rows=_ordered(self.put_lines))
        pairs = {(row["product"], row["category"]) for row in self.put_lines if row["category"]}
        _run(tx, statements.PUT_CATEGORIES, pairs=_pairs(pairs))
        self._prune(tx, kept=pairs)

    def _prune(self, tx: ManagedTransaction, kept: set[tuple[str, str]]) -> None:
        """Remove what no line supports any more, so that the graph never depends on what was there in between."""
        pairs = {(product, category) for product, category in self.unsupported if category} - kept
        _run(tx, statements.PRUNE_CATEGORIES_OF_PRODUCTS, pairs=_pairs(pairs))
        _run(tx, statements.PRUNE_PRODUCTS, names=sorted({product for product, _ in self.unsupported}))
        _run(tx, statements.PRUNE_CATEGORIES, names=sorted({category for _, category in pairs}))
        _run(tx, statements.PRUNE_BASKETS, names=sorted({row["name"] for row in self.drop_baskets}))
        _run(tx, statements.PRUNE_STORES, names=sorted({row["name"] for row in self.drop_stores}))


def _run(tx: ManagedTransaction, text: LiteralString, **rows: list[Any]) -> None:
    if any(rows.values()):
        tx.run(text, rows).consume()


def _line_row(ticket: str, product: str, line: ProductLine) -> Row:
    return {
        "ticket_id": ticket,
        "product": product,
        "quantity": _stored(line.quantity),
        "category": line.category or None,
        "row_hashes": sorted(line.fingerprints),
    }


def _stored(quantity: Quantity) -> int | float:
    return int(quantity) if quantity == int(quantity) else float(quantity)


def _number(stored: float) -> Quantity:
    return stored if isinstance(stored, int) else Decimal(repr(stored))


def _named(ticket: str, names: Iterable[str]) -> list[Row]:
    return [{"ticket_id": ticket, "name": name} for name in names]


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [{"product": product, "category": category} for product, category in sorted(pairs)]


def _ordered(rows: list[Row]) -> list[Row]:
    """Rows in one order for all writers: by ticket, then by what they name."""
    return sorted(rows, key=lambda row: (row["ticket_id"], row.get("product") or row.get("name") or ""))
