"""Whether a file without rows is meant to take back what its key held, or came out empty by accident."""

from __future__ import annotations

from typing import Final

from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.bucket import Storage

#: The name and the value of the object's user metadata that say so.
SIGN: Final = ("cesta-empty", "yes")


def is_meant_to_be_empty(storage: Storage, version: ObjectVersion) -> bool:
    """Whether an object carries the sign that it is meant to be empty.

    Returns
    -------
    bool
        By its user metadata.

    Raises
    ------
    TransientError
        S3 does not answer, or the object went away meanwhile.
    """
    head = storage.bucket(version.bucket).head(version)
    if head is None:
        message = f"{version.uri} went away while its metadata was asked for"
        raise TransientError(message, flow="tickets", object_uri=version.uri)
    name, value = SIGN
    return head.metadata.get(name, "").strip().lower() == value
