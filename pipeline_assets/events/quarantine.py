"""The quarantine: rejected rows as JSON lines in S3, each with its rule, its reason and its place.

Layout: ``<flow>/<receipt id>/<run>/<first rejected record of a batch>.jsonl``. A batch always covers the same
records, so writing it again after a crash writes the same object. A file that is refused whole leaves ``file.jsonl``,
a message that is no S3 notification ``<flow>/messages/<message id>.jsonl``.

The run that the receipt names is the one that counts. What earlier runs left goes once the receipt of a later one is
recorded; a process that dies in between leaves it to the next run, and nobody reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline_assets.events.moments import iso_utc
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.bucket import Bucket

_MESSAGES = "messages"


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in the quarantine: ids of receipts and of foreign messages, each with when it was last added to."""

    receipts: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)


class Quarantine:
    """Where rejected rows, refused files and foreign messages of one flow are kept."""

    def __init__(self, bucket: Bucket, flow: str) -> None:
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
        self._bucket.delete_all([self._message_key(message_id)])

    def drop_earlier_runs(self, version: ObjectVersion, run: int) -> None:
        """Take out what the runs before `run` left, once the receipt of `run` is recorded."""
        kept_from = f"{self._prefix(version.id, run)}/"
        listed = self._bucket.objects(f"{self._flow}/{version.id}/")
        self._bucket.delete_all([found.key for found in listed if found.key < kept_from])

    def _list(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Keys, each with when it was written, in UTC."""
        for found in self._bucket.objects(prefix):
            yield found.key, iso_utc(found.modified)

    def _read(self, key: str) -> Iterator[dict[str, Any]]:
        """The documents of an object; none where a later run has just taken it out."""
        for line in self._bucket.lines(key):
            yield json.loads(line)

    def _put(self, key: str, documents: Iterable[dict[str, Any]]) -> None:
        lines = (json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
        body = b"".join(line.encode("utf-8", "backslashreplace") for line in lines)
        self._bucket.put(key, body, content_type="application/x-ndjson")

    def _prefix(self, receipt_id: str, run: int) -> str:
        return f"{self._flow}/{receipt_id}/{run:04d}"

    def _message_key(self, message_id: str) -> str:
        return f"{self._flow}/{_MESSAGES}/{message_id}.jsonl"


def _named(header: Sequence[str], fields: Sequence[str]) -> dict[str, str] | Sequence[str]:
    """Fields by their columns, where each has one of its own."""
    fits = len(fields) == len(header) == len(set(header))
    return dict(zip(header, fields, strict=True)) if fits else fields


def _place(version: ObjectVersion) -> dict[str, Any]:
    return {
        "bucket": version.bucket,
        "key": version.key,
        "version_id": version.version_id,
        "event_time": version.event_time,
    }
