"""What in the quarantine still waits for somebody: rejected rows and refused files that nothing newer has settled.

A file is *open* while its rejected rows, or the whole of it, are missing from the graph. It is *replaced* when a newer
version of it was taken, and *mended* when its last run rejected nothing any more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from pipeline_assets.events.flow import FlowStores
from pipeline_assets.events.quarantine import Contents
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.operations.versions import listed_versions, version_id_of

Standing = Literal["open", "replaced", "mended"]
#: Told how many of how many are looked at.
Progress = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")
_RECEIPT_ID = re.compile("[0-9a-f]{8,32}")
#: Looked at side by side, and no further ahead of whoever takes the results than this.
_SIDE_BY_SIDE, _AHEAD = 8, 64


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """An object version of which rows are in the quarantine; `rules` counts those of its last run, by rule."""

    receipt: Receipt
    kept_at: str
    standing: Standing
    rules: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The file as a program reads it."""
        source = self.receipt.source
        return {
            "receipt": self.receipt.id,
            **source.place,
            "arrived": source.event_time,
            "standing": self.standing,
            "run": self.receipt.run,
            "received": self.receipt.counts.received,
            "quarantined": self.receipt.counts.quarantined,
            "rules": self.rules,
            "refused": self.receipt.refused,
        }


def rejected_files(
    stores: FlowStores, contents: Contents, *, progress: Progress = lambda *_: None
) -> Iterator[RejectedFile]:
    """The files of which something is in the quarantine, the one that was last added to first, settled ones too.

    Those that are still worked on for the first time have no receipt yet and are passed over.
    """
    ids = sorted(contents.receipts, key=lambda each: (contents.receipts[each], each), reverse=True)
    refused: dict[str, str] = {}
    for number, file in enumerate(together(lambda each: rejected_file(each, stores, contents), ids), 1):
        progress(number, len(ids))
        if file is None:
            continue
        source = file.receipt.source
        if file.receipt.refused and file.standing == "open":
            if refused.get(source.uri, "") > source.stamp:
                yield replace(file, standing="replaced")
                continue
            refused[source.uri] = source.stamp
        yield file


def rejected_file(receipt_id: str, stores: FlowStores, contents: Contents) -> RejectedFile | None:
    """What is in the quarantine of one object version, or None while it has no receipt."""
    receipt = stores.ledger.receipt(receipt_id)
    if receipt is None:
        return None
    newest = stores.ledger.newest(receipt.source.uri)
    rules = rules_broken(stores, receipt)
    return RejectedFile(receipt, contents.receipts.get(receipt_id, ""), standing_of(receipt, newest), rules)


def files_named(name: str, bucket: str, key: str, stores: FlowStores, contents: Contents) -> list[RejectedFile]:
    """The files of which something is in the quarantine under a name, oldest first.

    The name is a receipt id, or at least eight digits of its beginning; else all versions of the object are meant.
    """
    ids = [each for each in contents.receipts if each.startswith(name)] if _RECEIPT_ID.fullmatch(name) else []
    if not ids:
        newest = stores.ledger.newest(f"s3://{bucket}/{key}")
        stored = {version_id_of(bucket, key, each.version_id) for each in listed_versions(stores.s3, bucket, key)}
        ids = [each for each in {*stored, *([newest.id] if newest else [])} if each in contents.receipts]
    found = (rejected_file(each, stores, contents) for each in ids)
    return sorted((file for file in found if file), key=lambda file: file.receipt.source.stamp)


def rules_broken(stores: FlowStores, receipt: Receipt) -> dict[str, int]:
    """How many documents the last run of an object version left in the quarantine, by rule, the most first."""
    documents = stores.quarantine.documents(receipt)
    return dict(Counter(document["rule"] for document in documents).most_common())


def standing_of(receipt: Receipt, newest: Receipt | None) -> Standing:
    """How a rejected file stands, `newest` being the newest version of its object that was not refused whole."""
    if newest and newest.source.stamp > receipt.source.stamp:
        return "replaced"
    return "open" if receipt.refused or receipt.counts.quarantined else "mended"


def together(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """The results in the order of the items, worked out side by side and only a little ahead."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for first in range(0, len(items), _AHEAD):
            yield from pool.map(work, items[first : first + _AHEAD])
