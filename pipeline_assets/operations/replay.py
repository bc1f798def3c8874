"""Working through again what lies in the quarantine: with today's rules, or with a mended file in place of the old."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.events.flow import Correctable, Flow, FlowStores, Preview, StoresT
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
    """What became of one file: its receipt before, and after unless the work failed."""

    before: Receipt
    after: Receipt | None = None
    failure: str = ""


def replay_files(files: Iterable[RejectedFile], flow: Flow[StoresT], stores: StoresT) -> Iterator[Replayed]:
    """Work files through again, the oldest first, and yield what became of each.

    A file that fails stays as it was. After three failures in a row the rest is left alone.
    """
    in_a_row = 0
    for file in sorted(files, key=lambda each: each.receipt.source.stamp):
        try:
            done = _replayed(file.receipt, flow.ingest(file.receipt.version, stores, redo=True))
        except TransientError as error:
            done = Replayed(file.receipt, failure=str(error))
        yield done
        in_a_row = in_a_row + 1 if done.after is None else 0
        if in_a_row == _FAILURES_IN_A_ROW:
            return


def replay_message(message_id: str, stores: FlowStores, queue: EventQueue) -> bool:
    """Put a foreign message on the queue again, then take it out of the quarantine; False when it is not there.

    A crash in between leaves it in both: the event then comes twice, which changes nothing.
    """
    kept = stores.quarantine.message(message_id)
    if kept is None:
        return False
    queue.send(kept["body"])
    stores.quarantine.drop_message(message_id)
    return True


def read_mended(path: Path, key: str, flow: Correctable) -> Preview:
    """Read a mended file by today's rules, as if it arrived now under `key`; raises `MendError` when it is refused."""
    preview = flow.preview(path, key)
    if preview.refused:
        raise MendError(f"{path} would be refused: {preview.refused}")
    return preview


def refuse_fewer_rows(mended: Preview, replaced: Receipt, path: Path, flow: Correctable) -> None:
    """Raise `MendError` when a mended file has fewer rows than what it replaces: it may be the rejected rows alone."""
    if mended.rows < replaced.counts.received:
        raise MendError(
            f"{path} has {mended.rows} row{'s' * (mended.rows != 1)} and the file that it replaces has "
            f"{replaced.counts.received}: a file is "
            f"replaced whole, and {flow.left_out}. Give the whole file, or say --fewer-rows."
        )


def put_mended(path: Path, bucket: str, key: str, stores: FlowStores) -> str:
    """Put a mended file under its key, and return the id that its receipt will have; its own event does the work."""
    try:
        with path.open("rb") as body:
            version = stores.s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")
    except (BotoCoreError, ClientError) as error:
        raise TransientError(f"s3://{bucket}/{key} could not be put: {error}") from error
    if not version:
        raise MendError(f"s3://{bucket}/{key} is in the bucket; the bucket keeps no versions, so `cesta trace` tells.")
    return version_id_of(bucket, key, version)


def receipt_within(receipt_id: str, stores: FlowStores, seconds: float) -> Receipt:
    """The receipt of an object version, waited for at most so long; raises `MendError` when it does not come."""
    deadline = time.monotonic() + seconds
    while (receipt := stores.ledger.receipt(receipt_id)) is None:
        if time.monotonic() > deadline:
            raise MendError(f"no receipt came within {seconds:.0f} s: `cesta trace {receipt_id}` tells where it is.")
        time.sleep(_LOOK_SECONDS)
    return receipt


def _replayed(before: Receipt, after: Receipt | None) -> Replayed:
    """A file that is gone leaves no new run: what the receipt says stays."""
    if after is None or after.run == before.run:
        return Replayed(before, failure=after.refused if after else "it holds no rows")
    return Replayed(before, after)
