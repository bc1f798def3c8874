"""The end of a Parquet object, which says what is in it: of a large object little has to be read."""

from __future__ import annotations

from typing import Final

from pipeline_assets.storage.bucket import Bucket, Tail

_TAIL_BYTES: Final = 64 << 10
#: Behind the footer: its length in four bytes, and four bytes of magic.
_TRAILER: Final = 8


def parquet_tail(bucket: Bucket, key: str) -> Tail | None:
    """Read the last bytes of a Parquet object, the whole footer among them.

    Parameters
    ----------
    bucket
        The bucket.
    key
        Key of the object.

    Returns
    -------
    Tail or None
        None while there is no object.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    tail = bucket.tail(key, _TAIL_BYTES)
    if tail is None:
        return None
    footer = int.from_bytes(tail.content[-_TRAILER : -_TRAILER + 4], "little") + _TRAILER
    whole = footer <= len(tail.content) or len(tail.content) < _TAIL_BYTES
    return tail if whole else bucket.tail(key, footer)
