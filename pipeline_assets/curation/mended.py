"""Which open problems of raw objects are mended by other objects: those of a later export, or by their deletion."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline_assets.curation.stores import FLOW, CurationStores
from pipeline_assets.events.problems import Problem
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.lake.layout import LoadName, RawObject, raw_prefix
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.storage.documents import from_json


def settle_exported_again(manifest: Manifest, stores: CurationStores) -> None:
    """Settle what is open of earlier exports whose rows a load has exported again, once that load is whole.

    A load of a day has every row last changed on that day, a full one every row there is: what was rejected before is
    among them, mended or rejected again, or has changed since and is another day's. What an incremental load has says
    nothing of rows that it has not; and a file that others delivered no export brings again.

    Parameters
    ----------
    manifest
        Manifest of the load that is whole.
    stores
        Stores of curation.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    if manifest.mode not in {"day", "full"}:
        return
    for problem, raw in _open_objects(stores):
        is_covered = raw.dataset in manifest.datasets and (manifest.mode == "full" or raw.day == manifest.name.day)
        if is_covered and raw.load_id < manifest.name.load_id and _was_exported(raw, stores):
            stores.ledger.problems.settle(problem)


def settle_deleted(dataset: str, day: str, stores: CurationStores) -> None:
    """Settle what is open of raw objects of a day that are no longer there, once the day was worked out without them.

    Parameters
    ----------
    dataset, day
        The day.
    stores
        Stores of curation.

    Raises
    ------
    TransientError
        A store does not answer.
    """
    # Listed after the problems were read: what is put meanwhile has none of these.
    of_day = [(problem, raw) for problem, raw in _open_objects(stores) if (raw.dataset, raw.day) == (dataset, day)]
    there = {each.id for each in current_versions(stores.raw, raw_prefix(dataset, day))} if of_day else set()
    for problem, _ in of_day:
        if problem.receipt.id not in there:
            stores.ledger.problems.settle(problem)


def _was_exported(raw: RawObject, stores: CurationStores) -> bool:
    """Whether an object is part of an export that ended: no export brings again what others put there."""
    content = stores.raw.read(LoadName(raw.day, raw.load_id).key)
    if content is None:
        return False
    try:
        manifest = from_json(content, Manifest)
    except ValueError:
        return False
    return manifest.mode != "inbox" and any(each.key == raw.key for each in manifest.objects)


def _open_objects(stores: CurationStores) -> Iterator[tuple[Problem, RawObject]]:
    """What is open of objects that lie in a place of the lake."""
    for problem in stores.ledger.problems.of(FLOW):
        if raw := RawObject.of(problem.receipt.version.key):
            yield problem, raw
