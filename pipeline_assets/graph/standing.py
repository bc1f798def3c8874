"""Choice of the version that stands for a key, and what becomes of the claims and the counts of the others.

All of it happens inside the transaction of the version that comes to its end. The counts of other loads that change by
it are written with a higher revision; whoever changed them writes them to the ledger.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline_assets.graph import statements
from pipeline_assets.graph.changes import apply, read_claims
from pipeline_assets.graph.load import KnownLoad, Load, Rank, known_load, standing, write_known
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
    others: tuple[KnownLoad, ...] = ()
    stands: KnownLoad | None = None

    def close(self, tx: ManagedTransaction, ended: Load) -> Load:
        """Write the new state of the other versions; returns that of the load that ended."""
        ended = replace(ended, done=True, overtaken=False, stands=self.stands is None and bool(ended.rank))
        if self.stands:
            again = replace(self.stands, load=self.stands.load.begun_again())
            if not self.stands.load.stands:
                write_known(tx, again)
                ended = ended.touching([again.id], {})
            return ended if ended.refused else ended.displaced(self.stands.load)
        for other in self.others:
            write_known(tx, replace(other, load=other.load.displaced(ended)))
        return ended.touching([other.id for other in self.others], {})


def settle_standing(ended: Load, known: Collection[KnownLoad]) -> Losing:
    """Decide which version of a key stands once `ended` is at its end, from `deciding_loads` of the key.

    Versions that are still on their way and newer are left alone: they decide when they come to their end.

    Returns
    -------
    Losing
        The claims that go; nothing is written by it.
    """
    mine = KnownLoad(ended.version.id, ended.version.uri, replace(ended, done=True))
    others = [each for each in known if each.id != mine.id]
    best = standing([mine, *others])
    if best is not mine:
        return Losing(frozenset(ended.owners), stands=best)
    losing = tuple(each for each in others if each.load.stands or _changes(each.load, ended))
    earlier = {owner for each in losing for owner in each.load.owners} | set(ended.owners[:-1])
    return Losing(frozenset(earlier), losing)


def _changes(load: Load, ended: Load) -> bool:
    """Whether the state of a version that does not stand changes, now that `ended` does.

    Returns
    -------
    bool
        True for an older one on its way, which can no longer stand; for an older one that had yielded, which is
        superseded as if it came now; and for a newer one without rows that does not say that this is meant: it yields.
    """
    if load.version.stamp < ended.version.stamp:
        return load.yields or (not load.done and ended.rank is Rank.WHOLE)
    return load.done and load.next_row == 1 and not (load.emptied or load.refused or load.yields)


def loads_of_object(tx: ManagedTransaction, uri: str) -> list[KnownLoad]:
    """The versions of an object that the graph knows, oldest first."""
    return [known_load(record) for record in tx.run(statements.READ_LOADS_OF_OBJECT, uri=uri)]


def deciding_loads(tx: ManagedTransaction, uri: str) -> list[KnownLoad]:
    """Versions of an object that decide which one stands: of a key that is put every hour a few of thousands."""
    bound = {"uri": uri, "whole": int(Rank.WHOLE)}
    texts = (statements.READ_UNDECIDED_LOADS, statements.READ_NEWEST_WHOLE_LOADS)
    found = [known_load(record) for text in texts for record in list(tx.run(text, bound))]
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


def take_back(tx: ManagedTransaction, tickets: Collection[TicketKey], owners: Collection[str], load: Load) -> Load:
    """Withdraw claims in the graph.

    Parameters
    ----------
    tx
        Transaction that writes.
    tickets, owners
        The claims: of these owners, on these tickets.
    load
        On whose behalf.

    Returns
    -------
    Load
        `load` with the effects, and the other loads whose counts changed.
    """
    if not tickets:
        return load
    settlement = withdraw(read_claims(tx, tickets), owners)
    effects = apply(tx, settlement)
    return recount_others(tx, settlement, load).touching((), effects)


def recount_others(tx: ManagedTransaction, settlement: Settlement, load: Load) -> Load:
    """Write the counts of the loads of whose rows some are superseded now, or stand again.

    Rows of an earlier run of a load that was begun again are in no count any more.

    Parameters
    ----------
    tx
        Transaction that writes.
    settlement
        What changed; `moved` says of whom how many rows.
    load
        On whose behalf.

    Returns
    -------
    Load
        `load` with the ids of the others, and with its own counts changed where it is among them.
    """
    moved = {owner: rows for owner, rows in settlement.moved.items() if any(rows.values())}
    if mine := moved.pop(load.owner, None):
        load = replace(load.moved(mine), revision=load.revision, untold=load.untold)
    if not moved:
        return load
    stamps = sorted({owner.rpartition("/")[0] for owner in moved})
    recounted = []
    for known in [known_load(record) for record in tx.run(statements.READ_LOADS_OF_STAMPS, stamps=stamps)]:
        if rows := moved.get(known.load.owner):
            write_known(tx, replace(known, load=known.load.moved(rows)))
            recounted.append(known.id)
    return load.touching(recounted, {})
