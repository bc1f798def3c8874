"""The quarantine: rejected rows, and changes of tables, as JSON lines in S3, each with rule, reason and place.

Layout: ``<flow>/<receipt id>/<run>/<first rejected record of a batch>.jsonl``, records of streams by their padded
sequence numbers. A batch always covers the same records, so writing it again after a crash writes the same object. A
file that is refused whole leaves ``file.jsonl``, a message that is no S3 notification
``<flow>/messages/<message id>.jsonl``.

The run that the receipt names is the one that counts. What earlier runs left goes once the receipt of a later one is
recorded; a process that dies in between leaves it to the next run, and nobody reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import RejectedChange, Rejection
from pipeline_assets.events.sources import ObjectVersion, Source, StreamBatch, padded_sequence_number

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MESSAGES = "messages"
_DELETED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the quarantine: ids of receipts and of foreign messages, each with when it was last added to."""

    receipts: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)


class Quarantine:
    """Where rejected rows, refused files and foreign messages of one flow are kept."""

    def __init__(self, client: S3Client, bucket: str, flow: str) -> None:
        self._client = client
        self._bucket = bucket
        self._flow = flow

    def keep_rows(self, version: ObjectVersion, run: int, header: Sequence[str], rows: Sequence[Rejection]) -> None:
        """Keep the rejected rows of one batch; nothing is written for none."""
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
        self._put(f"{self._prefix(version.id, run)}/{rows[0].number:012d}.jsonl", documents)

    def keep_changes(self, batch: StreamBatch, run: int, changes: Sequence[RejectedChange]) -> None:
        """Keep the rejected records of a batch of a stream, which block nothing; nothing is written for none."""
        if not changes:
            return
        place = _place(batch)
        documents = (
            {
                **place,
                "sequence_number": change.sequence_number,
                "event_name": change.event_name,
                "rule": change.rule,
                "reason": change.reason,
                "keys": change.keys,
                "old": change.old,
                "new": change.new,
            }
            for change in changes
        )
        first = padded_sequence_number(changes[0].sequence_number)
        self._put(f"{self._prefix(batch.id, run)}/{first}.jsonl", documents)

    def keep_file(self, version: ObjectVersion, run: int, rule: str, reason: str, shown: str) -> None:
        """Keep the refusal of a whole file, with what was seen of it; its bytes stay where they arrived."""
        document = {**_place(version), "rule": rule, "reason": reason, "shown": shown}
        self._put(f"{self._prefix(version.id, run)}/file.jsonl", [document])

    def keep_message(self, message_id: str, body: str, rule: str, reason: str) -> None:
        """Keep a message that announces no object."""
        self._put(
            self._message_key(message_id),
            [{"message_id": message_id, "rule": rule, "reason": reason, "body": body}],
        )

    def contents(self) -> Contents:
        """What lies there, whatever became of it since, in no particular order."""
        found = Contents()
        for key, moment in self._list(f"{self._flow}/"):
            _, place, *rest = key.split("/")
            if place == _MESSAGES:
                found.messages[rest[-1].removesuffix(".jsonl")] = moment
            else:
                found.receipts[place] = max(moment, found.receipts.get(place, ""))
        return found

    def documents(self, receipt: Receipt) -> Iterator[dict[str, Any]]:
        """What the run of a receipt left, in the order of the rows, a refusal of the whole last."""
        for key in sorted(key for key, _ in self._list(f"{self._prefix(receipt.id, receipt.run)}/")):
            yield from self._read(key)

    def message(self, message_id: str) -> dict[str, Any] | None:
        """A foreign message with its rule and reason, or None when it is not kept."""
        key = self._message_key(message_id)
        return next(self._read(key), None) if any(found == key for found, _ in self._list(key)) else None

    def foreign_messages(self) -> int:
        """How many messages lie there that announce no object."""
        return sum(1 for _ in self._list(f"{self._flow}/{_MESSAGES}/"))

    def drop_message(self, message_id: str) -> None:
        """Take a foreign message out, once it is in a queue again."""
        self._delete([self._message_key(message_id)])

    def drop_earlier_runs(self, source: Source, run: int) -> None:
        """Take out what the runs before `run` left, once the receipt of `run` is recorded."""
        kept_from = f"{self._prefix(source.id, run)}/"
        earlier = [key for key, _ in self._list(f"{self._flow}/{source.id}/") if key < kept_from]
        for first in range(0, len(earlier), _DELETED_AT_ONCE):
            self._delete(earlier[first : first + _DELETED_AT_ONCE])

    def _list(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys, each with when it was written, in UTC."""
        with self._reached(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                yield from ((item["Key"], iso_utc(item["LastModified"])) for item in page.get("Contents", []))

    def _read(self, key: str) -> Iterator[dict[str, Any]]:
        with self._reached(key):
            try:
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            except self._client.exceptions.NoSuchKey:
                return  # a later run has just taken it out
            for line in body.iter_lines():
                yield json.loads(line)

    def _delete(self, keys: Sequence[str]) -> None:
        with self._reached(keys[0]):
            answer = self._client.delete_objects(
                Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        if refused := answer.get("Errors"):
            raise self._failure(keys[0], f"{refused[0].get('Code')} for {len(refused)} of {len(keys)} deletions")

    def _put(self, key: str, documents: Iterable[dict[str, Any]]) -> None:
        lines = (json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
        body = b"".join(line.encode("utf-8", "backslashreplace") for line in lines)
        with self._reached(key):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType="application/x-ndjson",
            )

    @contextmanager
    def _reached(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise self._failure(key, str(error)) from error

    def _prefix(self, receipt_id: str, run: int) -> str:
        return f"{self._flow}/{receipt_id}/{run:04d}"

    def _message_key(self, message_id: str) -> str:
        return f"{self._flow}/{_MESSAGES}/{message_id}.jsonl"

    def _failure(self, key: str, why: str) -> TransientError:
        message = f"the quarantine bucket {self._bucket} did not answer for {key}: {why}"
        return TransientError(message, flow=self._flow, object_uri=f"s3://{self._bucket}/{key}")


def _named(header: Sequence[str], fields: Sequence[str]) -> dict[str, str] | Sequence[str]:
    """Fields by their columns, where each has one of its own."""
    fits = len(fields) == len(header) == len(set(header))
    return dict(zip(header, fields, strict=True)) if fits else fields


def _place(source: Source) -> dict[str, Any]:
    return {**source.place, "event_time": source.event_time}
