"""Choice of the version that stands for a key, and what becomes of the claims and the counts of the others.

All of it happens inside the transaction of the version that comes to its end. The counts of other ingestions that
change by it are written with a higher revision; whoever changed them writes them to the ledger.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_assets.graph import statements
from pipeline_assets.graph.changes import apply, read_claims
from pipeline_assets.graph.ingestion import Ingestion, KnownIngestion, Rank, known_ingestion, standing, write_known
from pipeline_assets.graph.ownership import Settlement, TicketKey, withdraw

if TYPE_CHECKING:
    from neo4j import ManagedTransaction


@dataclass(frozen=True, slots=True)
class Losing:
    """Claims that go when a version has come to its end.

    Parameters
    ----------
    owners
        Whose claims.
    others
        Other versions of the key that do not stand any more.
    stands
        The version that stands instead of the one that ended; None where that one stands or none does.
    """

    owners: frozenset[str]
    others: tuple[KnownIngestion, ...] = ()
    stands: KnownIngestion | None = None

    def close(self, tx: ManagedTransaction, ended: Ingestion) -> Ingestion:
        """Write the new state of the other versions; returns that of the ingestion that ended."""
        ended = replace(ended, done=True, overtaken=False, stands=self.stands is None and bool(ended.rank))
        if self.stands:
            again = replace(self.stands, ingestion=self.stands.ingestion.begun_again())
            if not self.stands.ingestion.stands:
                write_known(tx, again)
                ended = ended.touching([again.id], {})
            return ended if ended.refused else ended.displaced(self.stands.ingestion)
        for other in self.others:
            write_known(tx, replace(other, ingestion=other.ingestion.displaced(ended)))
        return ended.touching([other.id for other in self.others], {})


def settle_standing(ended: Ingestion, known: Collection[KnownIngestion]) -> Losing:
    """Decide which version of a key stands once `ended` is at its end, from `deciding_loads` of the key.

    Versions that are still on their way and newer are left alone: they decide when they come to their end.

    Returns
    -------
    Losing
        The claims that go; nothing is written by it.
    """
    mine = KnownIngestion(ended.version.id, ended.version.uri, replace(ended, done=True))
    others = [each for each in known if each.id != mine.id]
    best = standing([mine, *others])
    if best is not mine:
        return Losing(frozenset(ended.owners), stands=best)
    losing = tuple(each for each in others if each.ingestion.stands or _changes(each.ingestion, ended))
    earlier = {owner for each in losing for owner in each.ingestion.owners} | set(ended.owners[:-1])
    return Losing(frozenset(earlier), losing)


def _changes(ingestion: Ingestion, ended: Ingestion) -> bool:
    """Whether the state of a version that does not stand changes, now that `ended` does.

    Returns
    -------
    bool
        True for an older one on its way, which can no longer stand; for an older one that had yielded, which is
        superseded as if it came now; and for a newer one without rows that does not say that this is meant: it yields.
    """
    if ingestion.version.stamp < ended.version.stamp:
        return ingestion.yields or (not ingestion.done and ended.rank is Rank.WHOLE)
    return (
        ingestion.done and ingestion.next_row == 1 and not (ingestion.emptied or ingestion.refused or ingestion.yields)
    )


def ingestions_of_object(tx: ManagedTransaction, uri: str) -> list[KnownIngestion]:
    """The versions of an object that the graph knows, oldest first."""
    return [known_ingestion(record) for record in tx.run(statements.READ_INGESTIONS_OF_OBJECT, uri=uri)]


def deciding_ingestions(tx: ManagedTransaction, uri: str) -> list[KnownIngestion]:
    """Versions of an object that decide which one stands: of a key that is put every hour a few of thousands."""
    bound = {"uri": uri, "whole": int(Rank.WHOLE)}
    texts = (statements.READ_UNDECIDED_INGESTIONS, statements.READ_NEWEST_WHOLE_INGESTIONS)
    found = [known_ingestion(record) for text in texts for record in list(tx.run(text, bound))]
    return list({known.id: known for known in found}.values())


def sole_tickets(tx: ManagedTransaction, owners: Collection[str], limit: int) -> list[TicketKey]:
    """Tickets that one of these owners alone has a claim on.

    Parameters
    ----------
    tx
        Transaction that reads.
    owners
        Owners of claims.
    limit
        The most tickets that are read.

    Returns
    -------
    list of TicketKey
        At most `limit`.
    """
    found = tx.run(statements.TICKETS_OF_OWNERS, owners=sorted(owners), limit=limit)
    return [TicketKey.read(record["key"]) for record in found]


def claimed_tickets(tx: ManagedTransaction, owners: Collection[str], limit: int) -> list[TicketKey]:
    """Tickets that one of these owners has a claim on, shared ones included.

    Parameters
    ----------
    tx
        Transaction that reads.
    owners
        Owners of claims.
    limit
        The most tickets that are read.

    Returns
    -------
    list of TicketKey
        At most `limit`; fewer when there are no more.
    """
    if not owners:
        return []
    bound = {"owners": sorted(owners), "limit": limit}
    keys = [record["key"] for record in tx.run(statements.TICKETS_OF_OWNERS, bound)]
    if len(keys) < limit:
        keys += [record["key"] for record in tx.run(statements.SHARED_TICKETS_OF_OWNERS, bound)]
    return [TicketKey.read(key) for key in dict.fromkeys(keys[:limit])]


def take_back(
    tx: ManagedTransaction, tickets: Collection[TicketKey], owners: Collection[str], ingestion: Ingestion
) -> Ingestion:
    """Withdraw claims in the graph.

    Parameters
    ----------
    tx
        Transaction that writes.
    tickets, owners
        The claims: of these owners, on these tickets.
    ingestion
        On whose behalf.

    Returns
    -------
    Ingestion
        `ingestion` with the effects, and the other ingestions whose counts changed.
    """
    if not tickets:
        return ingestion
    settlement = withdraw(read_claims(tx, tickets), owners)
    effects = apply(tx, settlement)
    return recount_others(tx, settlement, ingestion).touching((), effects)


def recount_others(tx: ManagedTransaction, settlement: Settlement, ingestion: Ingestion) -> Ingestion:
    """Write the counts of the ingestions of whose rows some are superseded now, or stand again.

    Rows of an earlier run of an ingestion that was begun again are in no count any more.

    Parameters
    ----------
    tx
        Transaction that writes.
    settlement
        What changed; `moved` says of whom how many rows.
    ingestion
        On whose behalf.

    Returns
    -------
    Ingestion
        `ingestion` with the ids of the others, and with its own counts changed where it is among them.
    """
    moved = {owner: rows for owner, rows in settlement.moved.items() if any(rows.values())}
    if mine := moved.pop(ingestion.owner, None):
        ingestion = replace(ingestion.moved(mine), revision=ingestion.revision, untold=ingestion.untold)
    if not moved:
        return ingestion
    stamps = sorted({owner.rpartition("/")[0] for owner in moved})
    recounted = []
    for known in [known_ingestion(record) for record in tx.run(statements.READ_INGESTIONS_OF_STAMPS, stamps=stamps)]:
        if rows := moved.get(known.ingestion.owner):
            write_known(tx, replace(known, ingestion=known.ingestion.moved(rows)))
            recounted.append(known.id)
    return ingestion.touching(recounted, {})
