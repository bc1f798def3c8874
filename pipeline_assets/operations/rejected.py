"""Contents of the quarantine by file: rejected rows and refused files, and whether something newer settled them.

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
#: Size of the thread pool, and how many items are read ahead of whoever takes the results.
_SIDE_BY_SIDE, _AHEAD = 8, 64


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """Object version of which something is in the quarantine.

    Parameters
    ----------
    receipt
        Its receipt.
    kept_at
        When something of it was last put into the quarantine.
    standing
        Whether it still waits for somebody.
    rules
        Rejected rows of its last run by rule, the most first.
    """

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
    """List the files of the quarantine, settled ones too.

    Parameters
    ----------
    stores
        Stores of the flow.
    contents
        Listing of its quarantine.
    progress
        Called with how many of how many were looked at.

    Yields
    ------
    RejectedFile
        The one that was last added to first. Those that are still worked on for the first time have no receipt yet and
        are passed over.
    """
    ids = sorted(contents.receipts, key=lambda each: (contents.receipts[each], each), reverse=True)
    refused: dict[str, str] = {}
    for number, file in enumerate(side_by_side(lambda each: rejected_file(each, stores, contents), ids), 1):
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
    """Look up one object version in the quarantine.

    Parameters
    ----------
    receipt_id
        Id of its receipt.
    stores
        Stores of the flow.
    contents
        Listing of its quarantine.

    Returns
    -------
    RejectedFile or None
        None while it has no receipt.
    """
    receipt = stores.ledger.receipt(receipt_id)
    if receipt is None:
        return None
    newest = stores.ledger.newest(receipt.source.uri)
    rules = rules_broken(stores, receipt)
    return RejectedFile(receipt, contents.receipts.get(receipt_id, ""), standing_of(receipt, newest), rules)


def files_named(name: str, bucket: str, key: str, stores: FlowStores, contents: Contents) -> list[RejectedFile]:
    """Look up a person's name of a file in the quarantine.

    Parameters
    ----------
    name
        A receipt id, or at least eight digits of its beginning; anything else means all versions of the object.
    bucket, key
        The object.
    stores
        Stores of the flow.
    contents
        Listing of its quarantine.

    Returns
    -------
    list of RejectedFile
        Oldest first; empty where nothing is known under the name.
    """
    ids = [each for each in contents.receipts if each.startswith(name)] if _RECEIPT_ID.fullmatch(name) else []
    if not ids:
        newest = stores.ledger.newest(f"s3://{bucket}/{key}")
        stored = {
            version_id_of(bucket, key, each.version_id) for each in listed_versions(stores.storage.bucket(bucket), key)
        }
        ids = [each for each in {*stored, *([newest.id] if newest else [])} if each in contents.receipts]
    found = (rejected_file(each, stores, contents) for each in ids)
    return sorted((file for file in found if file), key=lambda file: file.receipt.source.stamp)


def rules_broken(stores: FlowStores, receipt: Receipt) -> dict[str, int]:
    """Rejections of the last run of an object version by rule, the most first."""
    documents = stores.quarantine.documents(receipt)
    return dict(Counter(document["rule"] for document in documents).most_common())


def standing_of(receipt: Receipt, newest: Receipt | None) -> Standing:
    """Decide whether a rejected file is open; `newest` is the newest version of its object not refused whole."""
    if newest and newest.source.stamp > receipt.source.stamp:
        return "replaced"
    return "open" if receipt.refused or receipt.counts.quarantined else "mended"


def side_by_side(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Map over items in threads, reading ahead only a little; yields the results in the order of the items."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for first in range(0, len(items), _AHEAD):
            yield from pool.map(work, items[first : first + _AHEAD])
