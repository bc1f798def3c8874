"""Writing of a settlement into the graph: bound parameters of a few statements inside one transaction.

A ticket on which one object has a claim carries that owner; its lines are the claim. Where several have one, the ticket
carries no owner, each claim is a `TicketClaim` node beside it, and the lines are what stands of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, LiteralString

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.graph import statements
from pipeline_assets.graph.ownership import (
    Change,
    Claim,
    Claims,
    ProductLine,
    Quantity,
    Settlement,
    TicketKey,
    content,
    owner_of,
)

if TYPE_CHECKING:
    from neo4j import ManagedTransaction

Row = dict[str, Any]


def read_claims(tx: ManagedTransaction, tickets: Collection[TicketKey]) -> dict[TicketKey, Claims]:
    """Read the claims on those of these tickets that the graph has."""
    keys = {ticket.text: ticket for ticket in tickets}
    held: dict[TicketKey, Claims] = {}
    shared: list[str] = []
    for record in tx.run(statements.READ_TICKETS, keys=sorted(keys)):
        if not record["owner"]:
            shared.append(record["key"])
            continue
        stamp, _, run = record["owner"].rpartition("/")
        lines = {
            product: ProductLine(_number(quantity), category or "", set(hashes))
            for product, quantity, category, hashes in record["lines"]
        }
        claim = Claim(int(run), iso_utc(record["timestamp"].to_native()), lines)
        held[keys[record["key"]]] = {stamp: claim}
    if shared:
        claims: defaultdict[TicketKey, dict[str, Claim]] = defaultdict(dict)
        for record in tx.run(statements.READ_CLAIMS, keys=shared):
            stamp, _, run = record["owner"].rpartition("/")
            claims[keys[record["ticket"]]][stamp] = Claim(int(run), record["timestamp"], _decode_lines(record["lines"]))
        held.update(claims)
    return held


def apply(tx: ManagedTransaction, settlement: Settlement) -> dict[str, int]:
    """Write a settlement; returns how many tickets and lines were created, replaced, dropped and retired."""
    rows = _Rows()
    for ticket, change in settlement.changes.items():
        rows.change(ticket, change)
    rows.retired += [
        {"key": ticket.text, "ticket_id": ticket.ticket_id, "owner": owner} for ticket, owner in settlement.gone.items()
    ]
    rows.write(tx)
    return rows.effects()


@dataclass(slots=True)
class _Rows:
    """The rows of each statement; what is dropped is remembered, since something may be left without support."""

    created: list[Row] = field(default_factory=list)
    changed: list[Row] = field(default_factory=list)
    leaving: list[Row] = field(default_factory=list)
    put_lines: list[Row] = field(default_factory=list)
    drop_lines: list[Row] = field(default_factory=list)
    put_claims: list[Row] = field(default_factory=list)
    drop_claims: list[str] = field(default_factory=list)
    retired: list[Row] = field(default_factory=list)
    #: Of the lines that go: (product, category), the category empty where the line had none.
    unsupported: set[tuple[str, str]] = field(default_factory=set)

    def change(self, ticket: TicketKey, change: Change) -> None:
        key = ticket.text
        was, now = content(change.before).lines, content(change.after).lines
        for product, (_, line) in was.items():
            if product not in now or now[product][1] != line:
                self.drop_lines.append({"key": key, "product": product})
                self.unsupported.add((product, line.category))
        for product, (_, line) in now.items():
            if product not in was or was[product][1] != line:
                self.put_lines.append(_line_row(key, product, line))
        self._ticket(ticket, change)
        self._claims(key, change)

    def _ticket(self, ticket: TicketKey, change: Change) -> None:
        row: Row = {
            "key": ticket.text,
            "ticket_id": ticket.ticket_id,
            "basket": ticket.basket,
            "basket_id": ticket.basket_id,
            "store": ticket.store,
        }
        if not change.after:
            self.leaving += [row] if change.before else []
            return
        row |= {"timestamp": content(change.after).timestamp, "owner": _sole_owner(change.after)}
        (self.changed if change.before else self.created).append(row)

    def _claims(self, key: str, change: Change) -> None:
        """Claims have nodes of their own only where there are several."""
        before = change.before if len(change.before) > 1 else {}
        after = change.after if len(change.after) > 1 else {}
        self.drop_claims += [claim_id(key, stamp) for stamp in before.keys() - after.keys()]
        self.put_claims += [
            {
                "id": claim_id(key, stamp),
                "ticket": key,
                "owner": owner_of(stamp, claim.run),
                "timestamp": claim.timestamp,
                "lines": encode_lines(claim.lines),
            }
            for stamp, claim in after.items()
            if before.get(stamp) is not claim
        ]

    def effects(self) -> dict[str, int]:
        return {
            "tickets_created": len(self.created),
            "tickets_replaced": len(self.changed),
            "tickets_retired": len(self.leaving),
            "lines_written": len(self.put_lines),
            "lines_dropped": len(self.drop_lines),
        }

    def write(self, tx: ManagedTransaction) -> None:
        leaving = sorted(row["key"] for row in self.leaving)
        _run(tx, statements.DROP_LINES, rows=_ordered(self.drop_lines))
        _run(tx, statements.DROP_CLAIMS, ids=sorted(self.drop_claims))
        _run(tx, statements.DROP_TICKETS, keys=leaving)
        _run(tx, statements.PUT_RETIRED, rows=_ordered(self.retired))
        _run(tx, statements.PUT_TICKETS, rows=_ordered(self.created))
        _run(tx, statements.CHANGE_TICKETS, rows=_ordered(self.changed))
        _run(tx, statements.PUT_BASKETS, rows=_ordered(self.created))
        _run(tx, statements.PUT_STORES, rows=_ordered(self.created))
        _run(tx, statements.PUT_PRODUCTS, names=sorted({row["product"] for row in self.put_lines}))
        _run(tx, statements.PUT_LINES, rows=_ordered(self.put_lines))
        _run(tx, statements.PUT_CLAIMS, rows=sorted(self.put_claims, key=lambda row: row["id"]))
        pairs = {(row["product"], row["category"]) for row in self.put_lines if row["category"]}
        _run(tx, statements.PUT_CATEGORIES, pairs=_pairs(pairs))
        self._prune(tx, kept=pairs)

    def _prune(self, tx: ManagedTransaction, kept: set[tuple[str, str]]) -> None:
        """Remove what no line supports any more, so that the graph never depends on what was there in between."""
        pairs = {(product, category) for product, category in self.unsupported if category} - kept
        _run(tx, statements.PRUNE_CATEGORIES_OF_PRODUCTS, pairs=_pairs(pairs))
        _run(tx, statements.PRUNE_PRODUCTS, names=sorted({product for product, _ in self.unsupported}))
        _run(tx, statements.PRUNE_CATEGORIES, names=sorted({category for _, category in pairs}))
        _run(tx, statements.PRUNE_BASKETS, keys=sorted({row["basket"] for row in self.leaving}))
        _run(tx, statements.PRUNE_STORES, names=sorted({row["store"] for row in self.leaving}))


def _run(tx: ManagedTransaction, text: LiteralString, **rows: list[Any]) -> None:
    if any(rows.values()):
        tx.run(text, rows).consume()


def _sole_owner(claims: Claims) -> str | None:
    """The owner of the only claim; none where there are several."""
    if len(claims) > 1:
        return None
    ((stamp, claim),) = claims.items()
    return owner_of(stamp, claim.run)


def claim_id(key: str, stamp: str) -> str:
    """Key of the node of a claim on a ticket."""
    return f"{key}\n{stamp}"


def _line_row(key: str, product: str, line: ProductLine) -> Row:
    return {
        "key": key,
        "product": product,
        "quantity": _stored(line.quantity),
        "category": line.category or None,
        "row_hashes": sorted(line.fingerprints),
    }


def encode_lines(lines: dict[str, ProductLine]) -> str:
    """Encode the lines of a claim as its node keeps them: a JSON text."""
    rows = [
        [product, _stored(line.quantity), line.category, sorted(line.fingerprints)] for product, line in lines.items()
    ]
    return json.dumps(sorted(rows), ensure_ascii=False)


def _decode_lines(text: str) -> dict[str, ProductLine]:
    """The inverse of `encode_lines`."""
    return {
        product: ProductLine(_number(quantity), category, set(prints))
        for product, quantity, category, prints in json.loads(text)
    }


def _stored(quantity: Quantity) -> int | float:
    return int(quantity) if quantity == int(quantity) else float(quantity)


def _number(stored: float) -> Quantity:
    return stored if isinstance(stored, int) else Decimal(repr(stored))


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [{"product": product, "category": category} for product, category in sorted(pairs)]


def _ordered(rows: list[Row]) -> list[Row]:
    """Rows in one order for all writers: by ticket, then by product."""
    return sorted(rows, key=lambda row: (row["key"], row.get("product", "")))
