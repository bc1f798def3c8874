"""The quarantine of ticket files: rejected rows as JSON lines in S3, each with its rule, its reason and its place.

Layout: ``tickets/<receipt id>/<run>/<first rejected record of a batch>.jsonl``. A batch always covers the same
records, so writing it again after a crash writes the same object. A file that is refused whole leaves ``file.jsonl``,
a message that is no S3 notification ``tickets/messages/<message id>.jsonl``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.events.object_version import ObjectVersion
from pipeline_assets.events.outcomes import TransientError
from pipeline_assets.tickets.rows import Rejection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Quarantine:
    """Where rejected rows, refused files and foreign messages are kept."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

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
        self._put(f"{_prefix(version, run)}/{rows[0].number:012d}.jsonl", documents)

    def keep_file(self, version: ObjectVersion, run: int, rule: str, reason: str, shown: str) -> None:
        """Keep the refusal of a whole file, with what was seen of it; its bytes stay where they arrived."""
        document = {**_place(version), "rule": rule, "reason": reason, "shown": shown}
        self._put(f"{_prefix(version, run)}/file.jsonl", [document])

    def keep_message(self, message_id: str, body: str, rule: str, reason: str) -> None:
        """Keep a message that announces no object."""
        self._put(
            f"tickets/messages/{message_id}.jsonl",
            [{"message_id": message_id, "rule": rule, "reason": reason, "body": body}],
        )

    def _put(self, key: str, documents: Iterable[dict[str, Any]]) -> None:
        body = "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body.encode("utf-8", "backslashreplace"),
                ContentType="application/x-ndjson",
            )
        except (BotoCoreError, ClientError) as error:
            message = f"the quarantine bucket {self._bucket} did not take {key}: {error}"
            raise TransientError(message, flow="tickets", object_uri=f"s3://{self._bucket}/{key}") from error


def _named(header: Sequence[str], fields: Sequence[str]) -> dict[str, str] | Sequence[str]:
    """Fields by their columns, where each has one of its own."""
    fits = len(fields) == len(header) == len(set(header))
    return dict(zip(header, fields, strict=True)) if fits else fields


def _prefix(version: ObjectVersion, run: int) -> str:
    return f"tickets/{version.id}/{run:04d}"


def _place(version: ObjectVersion) -> dict[str, Any]:
    return {
        "bucket": version.bucket,
        "key": version.key,
        "version_id": version.version_id,
        "event_time": version.event_time,
    }
