"""Replay of the quarantine: rejected files by today's rules, or with a corrected file in place of the old."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.events.flow import Correctable, Flow, FlowStores, Preview, Replayable, StoresT, capability
from pipeline_assets.events.queue import EventQueue
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.rejected import RejectedFile
from pipeline_assets.operations.versions import version_id_of

#: After so many failures one after the other no further file is tried: something is down.
_FAILURES_IN_A_ROW = 3
_LOOK_SECONDS = 0.3


class MendError(UserError):
    """Raised when a mended file cannot take the place of the old one; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """Outcome of the replay of one file: its receipt before, and after unless it failed."""

    before: Receipt
    after: Receipt | None = None
    failure: str = ""


def replay_files(files: Iterable[RejectedFile], flow: Flow[StoresT], stores: StoresT) -> Iterator[Replayed]:
    """Replay files by today's rules, the oldest first.

    Parameters
    ----------
    files
        Files of the quarantine.
    flow
        Their flow.
    stores
        Its stores.

    Yields
    ------
    Replayed
        What became of each. A file that fails stays as it was; after three failures in a row the rest is left alone.
    """
    in_a_row = 0
    for file in sorted(files, key=lambda each: each.receipt.source.stamp):
        try:
            done = _replayed(file.receipt, _again(file.receipt, flow, stores))
        except TransientError as error:
            done = Replayed(file.receipt, failure=str(error))
        yield done
        in_a_row = in_a_row + 1 if done.after is None else 0
        if in_a_row == _FAILURES_IN_A_ROW:
            return


def replay_message(message_id: str, stores: FlowStores, queue: EventQueue) -> bool:
    """Put a foreign message on the queue again, then take it out of the quarantine.

    A crash in between leaves it in both: the event then comes twice, which changes nothing.

    Parameters
    ----------
    message_id
        Id of the message.
    stores
        Stores of the flow.
    queue
        Its queue.

    Returns
    -------
    bool
        False when it is not in the quarantine.
    """
    kept = stores.quarantine.messages.read(message_id)
    if kept is None:
        return False
    queue.send(kept["body"])
    stores.quarantine.messages.drop(message_id)
    return True


def read_mended(path: Path, key: str, flow: Correctable) -> Preview:
    """Judge a corrected file by today's rules; nothing is put.

    Parameters
    ----------
    path
        The file.
    key
        The key under which it is to be put.
    flow
        Its flow.

    Returns
    -------
    Preview
        Its rows, and those that would be rejected.

    Raises
    ------
    MendError
        The whole file would be refused.
    """
    preview = flow.preview(path, key)
    if preview.refused:
        raise MendError(f"{path} would be refused: {preview.refused}")
    return preview


def refuse_fewer_rows(mended: Preview, replaced: Receipt, path: Path, flow: Correctable) -> None:
    """Refuse a corrected file that may be the rejected rows alone.

    Parameters
    ----------
    mended
        The corrected file, judged.
    replaced
        Receipt of the version that it replaces.
    path
        Where it lies, for the message.
    flow
        Its flow.

    Raises
    ------
    MendError
        It has fewer rows than what it replaces.
    """
    if mended.rows < replaced.counts.received:
        raise MendError(
            f"{path} has {mended.rows} row{'s' * (mended.rows != 1)} and the file that it replaces has "
            f"{replaced.counts.received}: a file is "
            f"replaced whole, and {flow.left_out}. Give the whole file, or say --fewer-rows."
        )


def put_mended(path: Path, bucket: str, key: str, stores: FlowStores) -> str:
    """Put a corrected file under its key; its own event does the work.

    Parameters
    ----------
    path
        The file.
    bucket, key
        Where it is put.
    stores
        Stores of the flow.

    Returns
    -------
    str
        The id that its receipt will have.

    Raises
    ------
    TransientError
        It could not be put.
    MendError
        The bucket keeps no versions, so nothing tells which receipt is its.
    """
    version = stores.storage.bucket(bucket).put(key, path).version_id
    if not version:
        raise MendError(f"s3://{bucket}/{key} is in the bucket; the bucket keeps no versions, so `cesta trace` tells.")
    return version_id_of(bucket, key, version)


def receipt_within(receipt_id: str, stores: FlowStores, seconds: float) -> Receipt:
    """Wait for a receipt.

    Parameters
    ----------
    receipt_id
        Its id.
    stores
        Stores of the flow.
    seconds
        How long at most.

    Returns
    -------
    Receipt
        The receipt.

    Raises
    ------
    MendError
        It did not come in time.
    """
    deadline = time.monotonic() + seconds
    while (receipt := stores.ledger.receipt(receipt_id)) is None:
        if time.monotonic() > deadline:
            raise MendError(f"no receipt came within {seconds:.0f} s: `cesta trace {receipt_id}` tells where it is.")
        time.sleep(_LOOK_SECONDS)
    return receipt


def _again(receipt: Receipt, flow: Flow[StoresT], stores: StoresT) -> Receipt | None:
    """A batch of a stream is kept by its rejected changes alone; of an object every row is read again."""
    if replayable := capability(flow, Replayable):
        return replayable.replay(receipt, stores)
    return flow.ingest(receipt.version, stores, redo=True)


def _replayed(before: Receipt, after: Receipt | None) -> Replayed:
    """A file that is gone leaves no new run: what the receipt says stays."""
    if after is None or after.run == before.run:
        return Replayed(before, failure=after.refused if after else "it holds no rows")
    return Replayed(before, after)
