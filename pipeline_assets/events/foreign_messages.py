"""Foreign messages: what came through a queue and announced no object, kept in the quarantine of its flow.

Layout: ``<flow>/messages/<message id>.jsonl``, one document with the rule, the reason and the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.json_lines import json_lines, put_json_lines

_SUFFIX = ".jsonl"


class ForeignMessages:
    """Foreign messages of one flow.

    Parameters
    ----------
    bucket
        The bucket of the quarantine.
    flow
        Name of the flow.
    masked
        What the text of a message goes through before it is kept.
    """

    def __init__(self, bucket: Bucket, flow: str, masked: Callable[[str], str] = str) -> None:
        self._bucket = bucket
        self._prefix = f"{flow}/messages/"
        self._masked = masked

    def keep(self, message_id: str, body: str, rule: str, reason: str) -> None:
        """Keep a message that announces no object.

        Parameters
        ----------
        message_id
            Id of the message in its queue.
        body
            Its text.
        rule, reason
            Which rule it broke, and the sentence about it.

        Raises
        ------
        TransientError
            It cannot be kept now.
        """
        document = {
            "message_id": message_id,
            "rule": rule,
            "reason": self._masked(reason),
            "body": self._masked(body),
        }
        put_json_lines(self._bucket, self._key(message_id), [document])

    def read(self, message_id: str) -> dict[str, Any] | None:
        """A message with its rule and reason, or None when it is not kept."""
        key = self._key(message_id)
        is_kept = any(found.key == key for found in self._bucket.objects(key))
        return next(json_lines(self._bucket, key), None) if is_kept else None

    def count(self) -> int:
        """How many messages are kept."""
        return sum(1 for _ in self._bucket.objects(self._prefix))

    def drop(self, message_id: str) -> None:
        """Take a message out, once it is in a queue again."""
        self._bucket.delete_all([self._key(message_id)])

    def id_of(self, key: str) -> str:
        """The id of the message that lies under a key of the bucket; empty for any other object."""
        kept = key.startswith(self._prefix)
        return key.removeprefix(self._prefix).removesuffix(_SUFFIX) if kept else ""

    def _key(self, message_id: str) -> str:
        return f"{self._prefix}{message_id}{_SUFFIX}"
