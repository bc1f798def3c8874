"""Open problems of a flow: sources with rejected rows, refused ones, and receipts that name what Dagster does not have.

Items of the ledger's table under ``problems#<flow>``, by sort key:

- ``<receipt id>``: the receipt of a source that has rejected rows or was refused;
- ``<receipt id>#unknown``: the places that it names and Dagster does not have;
- ``<receipt id>#acknowledged``: who has looked at the problem, when, and why it may stay.

The first is put, or taken out, in the transaction that puts the receipt, so none is ever missing; a newer version of an
object takes out those of the older ones. Where a worker died in between, one may lie there that is settled:
`Ledger.is_open` looks before anybody is told of it. What is read is what is open, however long the history is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.table import Item, Table, key
from pipeline_assets.storage.documents import from_json, to_json

UNKNOWN, ACKNOWLEDGED = "#unknown", "#acknowledged"
_KINDS: Final = ("", UNKNOWN, ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Statement of a person that a problem is known and may stay.

    Parameters
    ----------
    reason
        Why it may stay.
    who
        Name of the person.
    at
        ISO-8601, UTC.
    quarantined, refused, unknown
        What the problem was then: rejected rows, whether the source was refused, unknown places. More of it is a new
        problem.
    """

    reason: str
    who: str
    at: str
    quarantined: int = 0
    refused: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Reason, person and day, for people."""
        return f"{self.reason} ({self.who}, {self.at[:10]})"


@dataclass(frozen=True, slots=True)
class Problem:
    """Open problem of one source.

    Parameters
    ----------
    receipt
        Its receipt.
    rejected
        Whether it has rejected rows or was refused.
    unknown
        Places that it names and Dagster does not have, as people read them.
    noted
        What somebody has said of it, whether or not that still covers it.
    """

    receipt: Receipt
    rejected: bool = True
    unknown: tuple[str, ...] = ()
    noted: Acknowledgement | None = None

    @property
    def acknowledged(self) -> Acknowledgement | None:
        """The acknowledgement, if it covers all that is wrong now."""
        noted, receipt = self.noted, self.receipt
        if noted is None or (receipt.refused and not noted.refused):
            return None
        grown = receipt.counts.quarantined > noted.quarantined or set(self.unknown) - set(noted.unknown)
        return None if grown else noted

    @property
    def assets(self) -> frozenset[str]:
        """Assets that its receipt names."""
        return frozenset(part.asset for part in self.receipt.partitions)


def has_problem(receipt: Receipt) -> bool:
    """Whether a source has rejected rows or was refused."""
    return bool(receipt.refused or receipt.counts.quarantined)


def share_rejected(rows: Counts) -> float:
    """Rejected rows as a part of those that somebody still has to answer for: neither superseded nor duplicate.

    Returns
    -------
    float
        From 0 to 1; 0 where there are none.
    """
    counted = rows.accepted + rows.quarantined
    return rows.quarantined / counted if counted else 0.0


def problem_keys(flow: str, receipt_id: str) -> list[Item]:
    """Keys of all items of a problem."""
    return [key(_of(flow), f"{receipt_id}{kind}") for kind in _KINDS]


def problem_actions(receipt: Receipt, earlier: Receipt | None, table: str, *, replaced: bool) -> list[Item]:
    """The actions of a transaction by which the open problem of a source is what its new receipt says.

    Parameters
    ----------
    receipt
        The receipt that the transaction puts.
    earlier
        The one before.
    table
        Name of the ledger's table.
    replaced
        Whether a newer version of its object stands.

    Returns
    -------
    list[Item]
        None where there is nothing to put and nothing that could have to go.
    """
    if has_problem(receipt) and not replaced:
        return [{"Put": {"TableName": table, "Item": _item(receipt)}}]
    if earlier and has_problem(earlier):
        gone = (each for each in problem_keys(receipt.flow, receipt.id) if not each["sk"]["S"].endswith(UNKNOWN))
        return [{"Delete": {"TableName": table, "Key": each}} for each in gone]
    return []


class Problems:
    """The open problems of all flows."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, flow: str) -> list[Problem]:
        """The open problems of a flow in the order of their stamps; of versions refused in a row the newest alone."""
        items: dict[str, dict[str, Item]] = {}
        for item in self._table.query(_of(flow)):
            receipt_id, _, kind = item["sk"]["S"].partition("#")
            items.setdefault(receipt_id, {})[f"#{kind}" if kind else ""] = item
        found = [problem for kinds in items.values() if (problem := _problem(kinds))]
        newest: dict[str, str] = {}
        for problem in found:
            if problem.receipt.refused:
                source = problem.receipt.source
                newest[source.uri] = max(newest.get(source.uri, ""), source.stamp)
        open_ = (each for each in found if not _is_refused_before(each, newest))
        return sorted(open_, key=lambda problem: problem.receipt.source.stamp)

    def put(self, receipt: Receipt) -> None:
        """Put the problem of a source that its receipt says it has."""
        self._table.put_all([_item(receipt)])

    def note_unknown(self, flow: str, places: Mapping[str, tuple[Receipt, Sequence[str]]]) -> None:
        """Note receipts, by their ids, that name places which Dagster does not have."""
        self._table.put_all(
            key(_of(flow), f"{receipt_id}{UNKNOWN}")
            | {"body": {"B": receipt.packed()}, "places": {"S": to_json(tuple(named)).decode()}}
            for receipt_id, (receipt, named) in places.items()
        )

    def settle(self, problem: Problem) -> None:
        """Take a problem out, and what was said of it; one that has changed meanwhile stays."""
        self._table.transact(
            [
                *([self._unless_changed(problem, "")] if problem.rejected else []),
                *([self._unless_changed(problem, UNKNOWN)] if problem.unknown else []),
                {"Delete": {"TableName": self._table.name, "Key": _key(problem.receipt, ACKNOWLEDGED)}},
            ]
        )

    def forget_unknown(self, problem: Problem) -> None:
        """Take out what a receipt named in vain, where all of it is known by now; rejected rows of it stay."""
        self._table.transact([self._unless_changed(problem, UNKNOWN)])

    def acknowledge(self, problem: Problem, reason: str, who: str, at: str) -> Acknowledgement:
        """Keep a person's word that a problem may stay as it is.

        Parameters
        ----------
        problem
            The problem as the person saw it.
        reason
            Why it may stay.
        who
            Name of the person.
        at
            ISO-8601, UTC.

        Returns
        -------
        Acknowledgement
            What is kept.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        receipt = problem.receipt
        said = Acknowledgement(
            reason, who, at, receipt.counts.quarantined, refused=bool(receipt.refused), unknown=problem.unknown
        )
        self._table.put_all([_key(receipt, ACKNOWLEDGED) | {"body": {"B": to_json(said)}}])
        return said

    def withdraw(self, problem: Problem) -> None:
        """Take back what was said of a problem: it is open again."""
        self._table.delete_all([_key(problem.receipt, ACKNOWLEDGED)])

    def _unless_changed(self, problem: Problem, kind: str) -> Item:
        return {
            "Delete": {
                "TableName": self._table.name,
                "Key": _key(problem.receipt, kind),
                "ConditionExpression": "attribute_not_exists(pk) OR body = :seen",
                "ExpressionAttributeValues": {":seen": {"B": problem.receipt.packed()}},
            }
        }


def _key(receipt: Receipt, kind: str) -> Item:
    return key(_of(receipt.flow), f"{receipt.id}{kind}")


def _of(flow: str) -> str:
    return f"problems#{flow}"


def _item(receipt: Receipt) -> Item:
    return key(_of(receipt.flow), receipt.id) | {"body": {"B": receipt.packed()}}


def _problem(kinds: Mapping[str, Item]) -> Problem | None:
    """The problem of the items of one receipt; None where there is only what somebody said of it."""
    held = kinds.get("") or kinds.get(UNKNOWN)
    if held is None:
        return None
    unknown = from_json(kinds[UNKNOWN]["places"]["S"], tuple[str, ...]) if UNKNOWN in kinds else ()
    said = from_json(kinds[ACKNOWLEDGED]["body"]["B"], Acknowledgement) if ACKNOWLEDGED in kinds else None
    return Problem(Receipt.unpacked(held["body"]["B"]), "" in kinds, unknown, said)


def _is_refused_before(problem: Problem, newest: Mapping[str, str]) -> bool:
    source = problem.receipt.source
    return bool(problem.receipt.refused) and newest[source.uri] > source.stamp
