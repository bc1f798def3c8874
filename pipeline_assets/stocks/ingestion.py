"""Progress of an object version into the table: its counts so far, kept in the ledger's table between batches.

Items: ``load#<receipt id>`` / ``load``, there only while a file of more than one batch is on its way. Writing prices
again changes nothing, so a batch is written first and counted afterwards, under the condition that nobody else has
counted it: of two workers on a file one goes on, and the counts are those of one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pipeline_assets.events.outcomes import Counts, OvertakenError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.table import Table, key
from pipeline_assets.events.table_errors import transient
from pipeline_assets.storage.documents import from_json, to_json

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LOAD = "load"


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Progress of one run of one object version.

    Parameters
    ----------
    version
        The object version.
    run
        How often it was begun from row 1.
    next_row
        Number of the first record that is not in yet.
    position
        Byte at which that record begins, of what is unpacked where the object is packed.
    days
        Rows by UTC day of their prices.
    unread_time
        Rejected rows whose time could not be read.
    effects
        What changed in the table, by name.
    """

    version: ObjectVersion
    run: int = 1
    next_row: int = 1
    position: int = 0
    days: Mapping[str, Counts] = field(default_factory=dict)
    unread_time: int = 0
    effects: Mapping[str, int] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether all records are known to be in: never, as it is the receipt that says so."""
        return False

    @property
    def counts(self) -> Counts:
        """The rows of this run by outcome; `received` counts the records read, not the outcomes."""
        total = sum(self.days.values(), Counts(quarantined=self.unread_time))
        return replace(total, received=self.next_row - 1)

    def with_batch(self, tally: Tally, next_row: int, position: int) -> Ingestion:
        """Progress after one more batch.

        Parameters
        ----------
        tally
            What came of the batch.
        next_row, position
            Number of the record behind it, and the byte at which that begins.

        Returns
        -------
        Ingestion
            The next state; this one stays as it is.
        """
        days = {day: self.days.get(day, Counts()) + tally.days.get(day, Counts()) for day in {*self.days, *tally.days}}
        names = {*self.effects, *tally.effects}
        effects = {name: self.effects.get(name, 0) + tally.effects.get(name, 0) for name in sorted(names)}
        unread = self.unread_time + tally.unread_time
        return replace(self, next_row=next_row, position=position, days=days, unread_time=unread, effects=effects)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the item of an ingestion holds beside what its conditions look at."""

    stamp: str
    position: int
    days: dict[str, Counts]
    unread_time: int
    effects: dict[str, int]


@dataclass(slots=True)
class Tally:
    """Tally of a batch: rows by day, rejected rows without a readable time, and what changed in the table."""

    days: dict[str, Counts] = field(default_factory=dict)
    unread_time: int = 0
    effects: dict[str, int] = field(default_factory=dict)

    def add(self, day: str, counts: Counts) -> None:
        """Count rows of a day; an empty day is one that could not be read."""
        if day:
            self.days[day] = self.days.get(day, Counts()) + counts
        else:
            self.unread_time += counts.quarantined

    def changed(self, effect: str, number: int = 1) -> None:
        """Count what changed in the table."""
        self.effects[effect] = self.effects.get(effect, 0) + number


class Ingestions:
    """Repository of progress; every method raises `TransientError` when the table cannot be reached."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)

    def find(self, version: ObjectVersion) -> Ingestion | None:
        """Read the progress of an object version, with the stamp it was begun with; None outside its work."""
        item = self._table.get(f"load#{version.id}", _LOAD)
        if item is None:
            return None
        kept = from_json(zlib.decompress(item["body"]["B"]), _Kept)
        return Ingestion(
            version.at(kept.stamp),
            int(item["run"]["N"]),
            int(item["next_row"]["N"]),
            kept.position,
            kept.days,
            kept.unread_time,
            kept.effects,
        )

    def put(self, ingestion: Ingestion, before: Ingestion) -> None:
        """Write the progress of an object version after a batch that went on from `before`.

        Raises
        ------
        OvertakenError
            Another worker has counted that batch, or a later run has begun; nothing was written.
        """
        kept = _Kept(
            ingestion.version.stamp,
            ingestion.position,
            dict(ingestion.days),
            ingestion.unread_time,
            dict(ingestion.effects),
        )
        put: dict[str, Any] = {
            "TableName": self._table.name,
            "Item": key(f"load#{ingestion.version.id}", _LOAD)
            | {"run": {"N": str(ingestion.run)}, "next_row": {"N": str(ingestion.next_row)}}
            | {"body": {"B": zlib.compress(to_json(kept))}},
            "ConditionExpression": "attribute_not_exists(pk) OR run < :run",
            "ExpressionAttributeValues": {":run": {"N": str(ingestion.run)}},
        }
        if before.next_row > 1:
            put["ConditionExpression"] = "run = :run AND next_row = :before"
            put["ExpressionAttributeValues"][":before"] = {"N": str(before.next_row)}
        client = self._table.client
        with transient("write a load"):
            try:
                client.put_item(**put)
            except client.exceptions.ConditionalCheckFailedException as error:
                message = f"{ingestion.version.uri} is not at row {before.next_row} of run {ingestion.run} any more"
                raise OvertakenError(message) from error

    def drop(self, receipt_id: str, run: int) -> None:
        """Delete the progress of an object version, unless a later run is at work."""
        client = self._table.client
        with transient("drop a load"):
            try:
                client.delete_item(
                    TableName=self._table.name,
                    Key=key(f"load#{receipt_id}", _LOAD),
                    ConditionExpression="attribute_not_exists(pk) OR run <= :run",
                    ExpressionAttributeValues={":run": {"N": str(run)}},
                )
            except client.exceptions.ConditionalCheckFailedException:
                return
