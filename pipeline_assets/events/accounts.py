"""Accounts of partitions: which sources a partition of an asset is made of, and their sum, in the ledger's table.

An account is the sum of its shares (`pipeline_assets.events.shares`), and reading it costs the same for one source and
for a million. Beside them lies ``versions#<hash of the object's uri>`` / ``<stamp>``: the newest version of an object
that has a receipt.

A newer version of an object takes the older one out of the partitions it was part of, other than those of arrival. Its
shares are entered first, then the version is made known, then the others are looked at: of two versions that are
recorded at the same time at least one sees the other, and both would do the same. Batches of a stream replace nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from pipeline_assets.errors import TransientError
from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.problems import has_problem, problem_keys
from pipeline_assets.events.receipt import PartitionCounts, Receipt
from pipeline_assets.events.shares import (
    CHANGES,
    DIGITS,
    FINGERPRINT,
    SOURCES,
    SUMS,
    Change,
    account_key,
    actions,
    counts_in,
    share_key,
    source_in,
    sums_of,
)
from pipeline_assets.events.sources import ObjectVersion, Source
from pipeline_assets.events.table import CONDITION_FAILED, Item, Table, key
from pipeline_assets.storage.retries import retries

#: Shares that change in one transaction, each with a sum of its own in the worst case.
_TOGETHER = 40


@dataclass(frozen=True, slots=True)
class PartitionAccount:
    """What a partition holds: the sum of its sources' rows by outcome, and how many sources they are.

    `fingerprint` is that of the ids of their receipts: it changes exactly when the sources do.
    """

    counts: Counts
    sources: int
    fingerprint: int

    @classmethod
    def of(cls, shares: Mapping[str, Counts]) -> PartitionAccount:
        """Account of some shares, given by the ids of their receipts."""
        return cls.summed(sums_of(shares))

    @classmethod
    def summed(cls, sums: Mapping[str, int]) -> PartitionAccount:
        """Account with these sums, by their names."""
        counts = {name: number for name, number in sums.items() if name not in {SOURCES, FINGERPRINT}}
        return cls(Counts(**counts), sums[SOURCES], sums[FINGERPRINT])


class _ChangedError(TransientError):
    """Others changed a share, or a sum, between a look at it and its change."""


class Accounts:
    """The accounts of the partitions that receipts name."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def enter(self, receipt: Receipt, earlier: Receipt | None = None) -> None:
        """Make a receipt's source part of the partitions it names, unless a newer version has replaced it.

        Parameters
        ----------
        receipt
            The receipt.
        earlier
            The receipt of the same source before, if any: a first guess at what its shares count now.

        Raises
        ------
        TransientError
            The table does not answer, or others change the same shares through all retries.
        """
        self._settle(self.entries(receipt, earlier))
        if not isinstance(receipt.source, ObjectVersion):
            return
        if _decides(receipt):
            self._replace(receipt)
        else:
            # It may have been the newest version by an earlier run.
            self._table.delete_all([key(_versions(receipt.source.uri), receipt.source.stamp)])

    def leave(self, receipt: Receipt, *, kept: Iterable[PartitionCounts] = ()) -> None:
        """Take a receipt's source out of the partitions that `kept` does not name."""
        places = {_place(part) for part in kept}
        gone = (part for part in receipt.partitions if part.partition and _place(part) not in places)
        self._settle(_exit(part, receipt) for part in gone)

    def sources(self, asset: str, partition: str) -> list[Source]:
        """The sources a partition is made of, in the order of their stamps."""
        return sorted(map(source_in, self._table.query(share_key((asset, partition)))), key=_by_stamp)

    def account(self, asset: str, partition: str) -> PartitionAccount:
        """Account of a partition by its running sum."""
        sums = dict.fromkeys(SUMS, 0)
        for item in self._table.query(account_key((asset, partition))):
            for name in SUMS:
                sums[name] += int(item[name]["N"])
        return PartitionAccount.summed(sums)

    def recount(self, asset: str, partition: str) -> PartitionAccount:
        """Account of a partition added up from its shares one by one: it must equal `account`."""
        return PartitionAccount.of(self._shares_of((asset, partition)))

    def mend(self, asset: str, partition: str) -> None:
        """Correct the running sum of a partition to the sum of its shares, also while others change them."""
        account = asset, partition
        for digit in DIGITS:
            for attempt in retries(_ChangedError):
                with attempt:
                    self._mend(account, digit)

    def restate(self, asset: str, partition: str, counts: Mapping[str, Counts]) -> None:
        """Set what the sources of a partition count; sources that are not part of it are not added.

        The last writer wins: with several workers, each reads again afterwards and repeats until nothing changes.

        Parameters
        ----------
        asset, partition
            The partition of an asset.
        counts
            Rows by outcome, by receipt id; a source without an entry counts nothing.

        Raises
        ------
        TransientError
            The table does not answer.
        """
        account = asset, partition
        shares = self._shares_of(account)
        self._settle(
            Change(account, receipt_id, counts.get(receipt_id, Counts()), seen=seen, sure=True)
            for receipt_id, seen in shares.items()
        )

    def newest(self, uri: str) -> Receipt | None:
        """The receipt of the newest version of an object that was not refused, or None while there is none."""
        found = list(self._table.query(_versions(uri)))
        return Receipt.unpacked(found[-1]["body"]["B"]) if found else None

    @staticmethod
    def entries(receipt: Receipt, earlier: Receipt | None = None) -> list[Change]:
        """The shares that a receipt gives its source in the partitions it names."""
        guess = {_place(part): part.counts for part in earlier.partitions} if earlier else {}
        return [
            Change(_place(part), receipt.id, part.counts, receipt.source, guess.get(_place(part)))
            for part in receipt.partitions
            if part.partition
        ]

    def _settle(self, changes: Iterable[Change]) -> None:
        remaining = iter(changes)
        while group := list(islice(remaining, _TOGETHER)):
            for attempt in retries(_ChangedError):
                with attempt:
                    # Twice without a rest: what a share was taken for at first may have been a guess.
                    group = self._settled(self._settled(group))
                    if group:
                        raise _ChangedError(f"others change {len(group)} shares of the same partitions")

    def _settled(self, group: list[Change]) -> list[Change]:
        """Make the changes that are due; returns those to send again, with the shares as they were found."""
        due = [change for change in group if change.due]
        reasons = self._table.transact(actions(due, self._table.name)) if due else None
        if reasons is None:
            return []
        for change, reason in zip(due, reasons, strict=False):
            if reason.get("Code") == CONDITION_FAILED:
                change.look(reason.get("Item"))
        return due

    def _mend(self, account: tuple[str, str], digit: str) -> None:
        item = self._table.get(account_key(account), digit)
        sums = sums_of(self._shares_of(account, digit))
        if {name: int(item[name]["N"]) if item else 0 for name in SUMS} == sums:
            return
        changes = int(item[CHANGES]["N"]) if item else 0
        numbers = {name: {"N": str(number)} for name, number in {**sums, CHANGES: changes + 1}.items()}
        put: Item = {"TableName": self._table.name, "Item": key(account_key(account), digit) | numbers}
        put["ConditionExpression"] = "attribute_not_exists(pk)"
        if item:
            put["ConditionExpression"] = "#changes = :changes"
            put["ExpressionAttributeNames"] = {"#changes": CHANGES}
            put["ExpressionAttributeValues"] = {":changes": {"N": str(changes)}}
        if self._table.transact([{"Put": put}]) is not None:
            raise _ChangedError(f"others change the account of {' '.join(account)} all the time")

    def _shares_of(self, account: tuple[str, str], digit: str = "") -> dict[str, Counts]:
        items = self._table.query(share_key(account), only="sk, counts", begins=digit)
        return {item["sk"]["S"]: counts_in(item) for item in items}

    def _replace(self, receipt: Receipt) -> None:
        versions = _versions(receipt.source.uri)
        self._table.put_all([key(versions, receipt.source.stamp) | {"body": {"B": receipt.packed()}}])
        known = [Receipt.unpacked(item["body"]["B"]) for item in self._table.query(versions)]
        # None is left where another worker has found meanwhile that this version decides nothing.
        *replaced, newest = known or [receipt]
        # Each once: where workers died, one version may be known in two places of the order.
        exits = {
            (older.id, _place(part)): _exit(part, older)
            for older in replaced
            for part in older.partitions
            if part.partition and not part.of_arrival and older.id != newest.id
        }
        self._settle(exits.values())
        self._table.delete_all(
            each for older in replaced for each in (key(versions, older.source.stamp), *_problem_of(older, newest))
        )


def _decides(receipt: Receipt) -> bool:
    """Whether a version decides what its object holds: part of it was taken, or it has rows and was not refused."""
    taken = any(not part.of_arrival for part in receipt.partitions)
    return taken or bool(receipt.counts.received and not receipt.refused)


def _exit(part: PartitionCounts, receipt: Receipt) -> Change:
    """Taking a receipt's source out of a partition: a share is first taken for what the receipt says."""
    return Change(_place(part), receipt.id, None, seen=part.counts)


def _problem_of(older: Receipt, newest: Receipt) -> list[Item]:
    """Keys of what was open of a version that a newer one has replaced."""
    return problem_keys(older.flow, older.id) if has_problem(older) and older.id != newest.id else []


def _place(part: PartitionCounts) -> tuple[str, str]:
    return part.asset, part.partition


def _versions(uri: str) -> str:
    return f"versions#{hashlib.sha256(uri.encode()).hexdigest()[:32]}"


def _by_stamp(source: Source) -> str:
    return source.stamp
