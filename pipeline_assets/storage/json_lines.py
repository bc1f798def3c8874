"""JSON lines: one document per line of an object, in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline_assets.storage.bucket import Bucket


def put_json_lines(bucket: Bucket, key: str, documents: Iterable[dict[str, Any]]) -> None:
    """Put documents as one object, in place of what is there.

    Parameters
    ----------
    bucket
        The bucket.
    key
        Key of the object.
    documents
        One for each line; text that no UTF-8 can hold is escaped, and comes back as it was.
    """
    lines = (json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
    body = b"".join(line.encode("utf-8", "backslashreplace") for line in lines)
    bucket.put(key, body, content_type="application/x-ndjson")


def json_lines(bucket: Bucket, key: str) -> Iterator[dict[str, Any]]:
    """Read the documents of an object, one after the other; none when it is not there."""
    for line in bucket.lines(key):
        yield json.loads(line)
