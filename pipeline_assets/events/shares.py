"""Shares: what each source counts in a partition, and the sums that change with them in one transaction.

Items of the ledger's table, by partition key and sort key:

- ``partition#<asset>#<partition>`` / ``<receipt id>``: a source and what it counts in this partition, its *share*;
- ``account#<asset>#<partition>`` / ``<digit>``: the running sum of the shares whose receipt ids begin with the digit.

A share is changed under the condition that it is what it was taken for, and its sum by the difference: whatever is
repeated, races or dies, the sums are those of the shares. Sixteen of them to a partition, since transactions on one
item refuse each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import Source, source_from_json
from pipeline_assets.events.table import Item, key
from pipeline_assets.storage.documents import from_json, to_json

DIGITS: Final = "0123456789abcdef"
#: The sums beside the counts of rows: how many sources, the fingerprint of their ids, how often a sum was changed.
SOURCES, FINGERPRINT, CHANGES = "sources", "fingerprint", "changes"
SUMS: Final = (*Counts().as_dict(), SOURCES, FINGERPRINT)
#: Bytes of one id: a hundred million of such numbers add up to the 29 digits that any decimal library holds exactly.
_FINGERPRINT_BYTES = 8
#: What each id adds besides: it keeps every sum longer than a card number, which leak scans look for.
_NO_CARD_NUMBER = 10**20


def fingerprint(receipt_ids: Iterable[str]) -> int:
    """A number that stands for a set of ids in any order; it adds up as the ids do."""
    digests = (hashlib.sha256(receipt_id.encode()).digest() for receipt_id in receipt_ids)
    return sum(_NO_CARD_NUMBER + int.from_bytes(digest[:_FINGERPRINT_BYTES]) for digest in digests)


@dataclass(slots=True)
class Change:
    """Change of one share under the condition that it is what it is taken for.

    Parameters
    ----------
    account
        Asset and partition.
    receipt_id
        Id of the receipt whose source it is of.
    counts
        What it is to count; None takes it out.
    source
        The source; without one the share is changed only where it is there.
    seen, seen_source
        What it is taken to count, None where it is taken to be missing, and the source it is taken to be of.
    sure
        Whether that was read, and is no guess.
    """

    account: tuple[str, str]
    receipt_id: str
    counts: Counts | None
    source: Source | None = None
    seen: Counts | None = None
    seen_source: Source | None = None
    sure: bool = False

    @property
    def due(self) -> bool:
        """Whether there is anything to change."""
        if not self.sure:
            return True
        if self.source is None and self.seen is None:
            return False
        return self.seen != self.counts or self.source not in {None, self.seen_source}

    def look(self, item: Item | None) -> None:
        """Take the share for what was found."""
        self.sure = True
        self.seen = counts_in(item) if item else None
        self.seen_source = source_in(item) if item else None


def actions(changes: Sequence[Change], table: str) -> list[Item]:
    """The actions of one transaction that makes changes: first one for each share, then those of the sums."""
    added: dict[tuple[str, str], dict[str, int]] = {}
    for change in changes:
        sums = added.setdefault((account_key(change.account), change.receipt_id[0]), dict.fromkeys(SUMS, 0))
        for name, amount in _difference(change).items():
            sums[name] += amount
    return [
        *(_share_action(change, table) for change in changes),
        *(_sum_action(table, *place, sums) for place, sums in added.items() if any(sums.values())),
    ]


def sums_of(shares: Mapping[str, Counts]) -> dict[str, int]:
    """What shares come to, given by the ids of their receipts, by the names of the sums."""
    rows = sum(shares.values(), Counts()).as_dict()
    return {**rows, SOURCES: len(shares), FINGERPRINT: fingerprint(shares)}


def counts_in(item: Item) -> Counts:
    """What a share counts."""
    return from_json(item["counts"]["S"], Counts)


def source_in(item: Item) -> Source:
    """The source that a share is of."""
    return source_from_json(item["source"]["S"])


def share_key(account: tuple[str, str]) -> str:
    """The partition key of the shares of an (asset, partition)."""
    return "partition#" + "#".join(account)


def account_key(account: tuple[str, str]) -> str:
    """The partition key of the sums of an (asset, partition)."""
    return "account#" + "#".join(account)


def _difference(change: Change) -> dict[str, int]:
    """What a change adds to the sums of its account."""
    now, seen = (sums_of({change.receipt_id: counts} if counts else {}) for counts in (change.counts, change.seen))
    return {name: now[name] - seen[name] for name in SUMS}


def _share_action(change: Change, table: str) -> Item:
    """The action that makes a share what it is to be, where it is what it was taken for."""
    this = key(share_key(change.account), change.receipt_id)
    action: Item = {"TableName": table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    if change.seen is None:
        action["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        action["ConditionExpression"] = "counts = :seen"
        action["ExpressionAttributeValues"] = {":seen": _counts(change.seen)}
    if change.counts is None:
        return {"Delete": action | {"Key": this}}
    now = _counts(change.counts)
    if change.source is None:
        action["ExpressionAttributeValues"][":now"] = now
        return {"Update": action | {"Key": this, "UpdateExpression": "SET counts = :now"}}
    source = {"S": to_json(change.source).decode()}
    return {"Put": action | {"Item": this | {"source": source, "counts": now}}}


def _sum_action(table: str, pk: str, digit: str, sums: Mapping[str, int]) -> Item:
    amounts = {**sums, CHANGES: 1}
    update: Item = {
        "TableName": table,
        "Key": key(pk, digit),
        "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in amounts),
        "ExpressionAttributeNames": {f"#{name}": name for name in amounts},
        "ExpressionAttributeValues": {f":{name}": {"N": str(amount)} for name, amount in amounts.items()},
    }
    return {"Update": update}


def _counts(counts: Counts) -> dict[str, str]:
    return {"S": to_json(counts).decode()}
