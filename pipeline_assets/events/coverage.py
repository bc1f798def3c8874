"""Which records of streams have a receipt: by it a batch that is delivered again, and cut otherwise, is recognised.

Items of the ledger's table, by partition key and sort key: ``covered#<consumer>#<hash of the stream>#<hour>`` /
``<last sequence number>``: the sequence numbers of one batch that has a receipt, under every hour that its records are
of, by their own approximate time. The event of a DynamoDB stream does not name the shard, and numbers of several shards
lie among each other; so it is numbers that are compared, never ranges.

They are needed for as long as a record may be delivered again, which is the day that a stream keeps it, and expire on
the third day after.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline_assets.events.sources import StreamBatch, padded_sequence_number
from pipeline_assets.events.table import Item, Table, key

#: The attribute by which DynamoDB lets an item expire, in seconds since 1970.
EXPIRES = "expires"
_KEPT = timedelta(days=3)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of a delivered batch has a receipt: the numbers that have none yet, the receipts of the others."""

    left: tuple[str, ...]
    receipt_ids: tuple[str, ...]


def covered(batch: StreamBatch, sequence_numbers: Sequence[str], table: Table) -> Covered:
    """Coverage of a delivered batch: which of its records have a receipt already.

    Parameters
    ----------
    batch
        The batch, as it was delivered.
    sequence_numbers
        Sequence numbers of its records, padded or not.
    table
        The ledger's table.

    Returns
    -------
    Covered
        The numbers without a receipt, and the receipts of the others.

    Raises
    ------
    TransientError
        The table does not answer.
    """
    left = dict.fromkeys(map(padded_sequence_number, sequence_numbers))
    receipts: dict[str, None] = {}
    for pk in _keys(batch):
        for item in table.query(pk, since=batch.first):
            known = left.keys() & set(_numbers(item))
            for number in known:
                del left[number]
            if known:
                receipts[item["receipt"]["S"]] = None
    return Covered(tuple(left), tuple(receipts))


def coverage(batch: StreamBatch, sequence_numbers: Iterable[str], table: str) -> list[Item]:
    """Actions of a transaction by which the records of a batch have a receipt, which they had not before.

    Parameters
    ----------
    batch
        The batch.
    sequence_numbers
        Those of its records.
    table
        Name of the ledger's table.

    Returns
    -------
    list[Item]
        A conditional put for each hour that the records are of.

    Raises
    ------
    ValueError
        The numbers are not those of the batch.
    """
    numbers = sorted(map(padded_sequence_number, sequence_numbers))
    if (numbers[:1], numbers[-1:], len(numbers)) != ([batch.first], [batch.last], batch.records):
        raise ValueError(f"{batch.uri}: {len(numbers)} sequence numbers were given that are not those of the batch")
    expires = datetime.fromisoformat(batch.until) + _KEPT
    item: Item = {
        "receipt": {"S": batch.id},
        "numbers": {"B": zlib.compress(" ".join(_steps(numbers)).encode())},
        EXPIRES: {"N": str(int(expires.timestamp()))},
    }
    return [
        {
            "Put": {
                "TableName": table,
                "Item": key(pk, batch.last) | item,
                "ConditionExpression": "attribute_not_exists(pk) OR receipt = :receipt",
                "ExpressionAttributeValues": {":receipt": item["receipt"]},
            }
        }
        for pk in _keys(batch)
    ]


def _keys(batch: StreamBatch) -> Iterator[str]:
    """The partition keys of the hours that the records of a batch are of."""
    stream = hashlib.sha256(f"{batch.stream}\n{batch.epoch}".encode()).hexdigest()[:16]
    hour = datetime.fromisoformat(batch.event_time).replace(minute=0, second=0, microsecond=0)
    last = datetime.fromisoformat(batch.until)
    while hour <= last:
        yield f"covered#{batch.consumer}#{stream}#{hour:%Y-%m-%dT%H}"
        hour += _HOUR


def _steps(numbers: Sequence[str]) -> Iterator[str]:
    """The first number and how far it is from each to the next: neighbours of a shard lie close together."""
    before = 0
    for number in map(int, numbers):
        yield str(number - before)
        before = number


def _numbers(item: Item) -> Iterator[str]:
    number = 0
    for step in zlib.decompress(item["numbers"]["B"]).decode().split():
        number += int(step)
        yield padded_sequence_number(str(number))
