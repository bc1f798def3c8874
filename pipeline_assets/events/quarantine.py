"""The quarantine: a port, and its form for rows of text, which is JSON lines in S3.

Layout: ``<flow>/<receipt id>/<run>/<first rejected record of a batch>.jsonl``, records of streams by their padded
sequence numbers. A batch always covers the same records, so writing it again after a crash writes the same object. A
file that is refused whole leaves ``file.jsonl``.
Each document has its rule, its reason and its place. Foreign messages lie beside: see `events.foreign_messages`.

The run that the receipt names is the one that counts. What earlier runs left goes once the receipt of a later one is
recorded; a process that dies in between leaves it to the next run, and nobody reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline_assets.events.foreign_messages import ForeignMessages
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import RejectedChange, Rejection
from pipeline_assets.events.sources import ObjectVersion, Source, StreamBatch, padded_sequence_number
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.json_lines import json_lines, put_json_lines


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the quarantine: ids of receipts and of foreign messages, each with when it was last added to."""

    receipts: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)


class Quarantine(Protocol):
    """Where what a flow rejects is kept, in whatever form; every method raises `TransientError` on failure."""

    @property
    def messages(self) -> ForeignMessages:
        """The messages that announced no object."""

    def contents(self) -> Contents:
        """What lies there, whatever became of it since, in no particular order."""

    def documents(self, receipt: Receipt) -> Iterator[dict[str, Any]]:
        """What the run of a receipt left, in the order of the rows, a refusal of the whole last."""

    def address(self, receipt: Receipt) -> str:
        """Where lies what the run of a receipt left: ``s3://bucket/`` and the beginning of the keys."""


class JsonLinesQuarantine:
    """Quarantine of one flow as JSON lines.

    Parameters
    ----------
    bucket
        The bucket of the quarantine.
    flow
        Name of the flow.
    masked
        What foreign messages go through before they are kept.
    """

    def __init__(self, bucket: Bucket, flow: str, masked: Callable[[str], str] = str) -> None:
        self._bucket = bucket
        self._flow = flow
        self._messages = ForeignMessages(bucket, flow, masked)

    @property
    def messages(self) -> ForeignMessages:
        """The messages that announced no object."""
        return self._messages

    def keep_rows(self, version: ObjectVersion, run: int, header: Sequence[str], rows: Sequence[Rejection]) -> None:
        """Keep the rejected rows of one batch; nothing is written for none.

        Parameters
        ----------
        version
            The object version that they are of.
        run
            Which run of it, from 1.
        header
            Names of its columns.
        rows
            The rejected rows, in their order.
        """
        if not rows:
            return
        documents = (
            {
                **_place(version),
                "row": row.number,
                "column": row.column,
                "rule": row.rule,
                "reason": row.reason,
                "fields": _named(header, row.fields),
            }
            for row in rows
        )
        put_json_lines(self._bucket, f"{self._prefix(version.id, run)}{rows[0].number:012d}.jsonl", documents)

    def keep_changes(self, batch: StreamBatch, run: int, changes: Sequence[RejectedChange]) -> None:
        """Quarantine rejected records of a stream batch; the other records of the batch go on.

        Parameters
        ----------
        batch
            The batch.
        run
            Run of the work on it, from 1.
        changes
            The rejected records; nothing is written where there is none.
        """
        if not changes:
            return
        place = _place(batch)
        documents = (
            {
                **place,
                "sequence_number": change.sequence_number,
                "event_id": change.event_id,
                "event_name": change.event_name,
                "region": change.region,
                "at": change.at,
                "rule": change.rule,
                "reason": change.reason,
                "keys": change.keys,
                "old": change.old,
                "new": change.new,
            }
            for change in changes
        )
        first = padded_sequence_number(changes[0].sequence_number)
        put_json_lines(self._bucket, f"{self._prefix(batch.id, run)}{first}.jsonl", documents)

    def keep_file(self, version: ObjectVersion, run: int, rule: str, reason: str, shown: str) -> None:
        """Keep the refusal of a whole file; its bytes stay where they arrived.

        Parameters
        ----------
        version
            The object version.
        run
            Which run of it, from 1.
        rule, reason
            Which rule it broke, and the sentence about it.
        shown
            What was seen of it.
        """
        document = {**_place(version), "rule": rule, "reason": reason, "shown": shown}
        put_json_lines(self._bucket, f"{self._prefix(version.id, run)}file.jsonl", [document])

    def contents(self) -> Contents:
        """What lies there, whatever became of it since, in no particular order."""
        found = Contents()
        for kept in self._bucket.objects(f"{self._flow}/"):
            moment = iso_utc(kept.modified)
            if message_id := self._messages.id_of(kept.key):
                found.messages[message_id] = moment
            else:
                receipt_id = kept.key.split("/")[1]
                found.receipts[receipt_id] = max(moment, found.receipts.get(receipt_id, ""))
        return found

    def documents(self, receipt: Receipt) -> Iterator[dict[str, Any]]:
        """What the run of a receipt left, in the order of the rows, a refusal of the whole last."""
        for kept in self._bucket.objects(self._prefix(receipt.id, receipt.run)):
            yield from (each for each in json_lines(self._bucket, kept.key) if _is_of(receipt.source, each))

    def address(self, receipt: Receipt) -> str:
        """Where lies what the run of a receipt left: ``s3://bucket/`` and the beginning of the keys."""
        return f"s3://{self._bucket.name}/{self._prefix(receipt.id, receipt.run)}"

    def drop_earlier_runs(self, source: Source, run: int) -> None:
        """Take out what the runs before `run` left, once the receipt of `run` is recorded."""
        kept_from = self._prefix(source.id, run)
        listed = self._bucket.objects(f"{self._flow}/{source.id}/")
        self._bucket.delete_all([kept.key for kept in listed if kept.key < kept_from])

    def _prefix(self, receipt_id: str, run: int) -> str:
        return f"{self._flow}/{receipt_id}/{run:04d}/"


def _named(header: Sequence[str], fields: Sequence[str]) -> dict[str, str] | Sequence[str]:
    """Fields by their columns, where each has one of its own."""
    fits = len(fields) == len(header) == len(set(header))
    return dict(zip(header, fields, strict=True)) if fits else fields


def _is_of(source: Source, document: dict[str, Any]) -> bool:
    """Whether a source has the record of a document: a batch that died may have come again with fewer."""
    if not isinstance(source, StreamBatch):
        return True
    return padded_sequence_number(document["sequence_number"]) <= source.last


def _place(source: Source) -> dict[str, Any]:
    return {**source.place, "event_time": source.event_time}
