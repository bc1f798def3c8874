"""Rows that the source has deleted: keys that were known before and are in its table no more.

Why a row that exists is never taken for deleted: a snapshot of all keys is one statement, so a key that it lacks was
not in the table at that moment. A tombstone buries what loads before its own have read, whatever the times of rows and
of its own say. Rows are exported after the snapshot of their load, so one that is put back is outside.

Why a deleted row is always found: keys are compared with the two snapshots before, and with the rows that any load has
exported since. Two, because another load that began later may have read a row before a snapshot that lacks it was
taken; the next snapshot, of a still later load, buries it once more.

Nothing is buried before all tables were looked at: a table that is empty by mistake is no reason to bury its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.types import frame_type
from pipeline_assets.lake.layout import LoadName, RawObject, key_snapshot, key_snapshots
from pipeline_assets.raw.loads import Begun, Loads, Part
from pipeline_assets.raw.set_back import DELETED_AT, set_back, tombstones
from pipeline_assets.raw.source import SourceDatabase, SourceError

_COMPARED = 2
#: More keys than this, and more than this share of the last snapshot, are not believed to be gone.
_MANY, _SHARE = 100, 0.2


@dataclass(frozen=True, slots=True)
class _Look:
    """A table's keys now, and which are gone or set back: `lost` of the `known` ones of the last snapshot are new."""

    dataset: Dataset
    keys: pl.DataFrame
    gone: pl.DataFrame
    lost: int
    known: int


def bury_deleted(
    source: SourceDatabase, loads: Loads, datasets: Sequence[Dataset], begun: Begun, *, many: bool
) -> dict[str, Part]:
    """Take this load's snapshots of the tables' keys and put tombstones for those that are gone or set back, by table.

    Raises `SourceError`, before any tombstone is put, when more than a hundred keys and a fifth of a table's are gone
    and `many` does not allow it. A snapshot comes last: where one is there, its tombstones were put already.
    """
    looks = [look for dataset in datasets if (look := _look(source, loads, dataset, begun))]
    if not many and (said := [_said(look) for look in looks if look.lost > max(_MANY, _SHARE * look.known)]):
        raise SourceError(f"{'; '.join(said)}. If that is meant, say so: --many-deleted, Request.many_deleted=True")
    for look in looks:
        if not look.gone.is_empty():
            loads.put_part(tombstones(look.dataset, begun), look.gone)
        loads.put_frame(key_snapshot(look.dataset.name, begun.name.load_id), look.keys)
    there = (loads.part(tombstones(dataset, begun)) for dataset in datasets)
    return {part.stored.dataset: part for part in there if part}


def _look(source: SourceDatabase, loads: Loads, dataset: Dataset, begun: Begun) -> _Look | None:
    """Look at a table; None where this load has its snapshot already."""
    snapshot = key_snapshot(dataset.name, begun.name.load_id)
    taken = loads.keys(key_snapshots(dataset.name))
    if snapshot in taken:
        return None
    moment = source.now().replace(microsecond=0) - timedelta(microseconds=1)
    keys = source.versions(dataset)
    none = pl.DataFrame(schema={name: pl.Int64() for name in dataset.key})
    before = [key for key in taken if key < snapshot][-_COMPARED:]
    earlier = [none, *(loads.frame(key).select(dataset.key) for key in before)]
    deleted_at = pl.lit(moment).cast(frame_type("datetime")).alias(DELETED_AT)
    exported = _exported(loads, dataset, begun, before[0] if before else "")
    if not before:
        # Never compared so far: what is known is what loads have exported.
        earlier = [pl.concat([none, *exported]).unique()]
    lost = _without(pl.concat([*earlier, *exported]).unique(), keys)
    back = set_back(loads, dataset, begun, keys, before[-1] if before else None)
    gone = pl.concat([lost, back]).sort(dataset.key).with_columns(deleted_at)
    # Those of the snapshot before the last have been buried once.
    return _Look(dataset, keys, gone, _without(earlier[-1], keys).height, earlier[-1].height)


def _exported(loads: Loads, dataset: Dataset, begun: Begun, snapshot: str) -> list[pl.DataFrame]:
    """The keys of rows that loads of the source have exported since a snapshot; others deliver rows it has not."""
    modes: dict[LoadName, str] = {}
    frames = []
    for key in loads.keys(f"{dataset.name}/"):
        raw = RawObject.of(key)
        if raw is None or raw.deletes:
            continue
        if not snapshot < key_snapshot(dataset.name, raw.load_id) < key_snapshot(dataset.name, begun.name.load_id):
            continue
        name = LoadName(raw.day, raw.load_id)
        if name not in modes:
            modes[name] = loads.begun(name).mode
        if modes[name] != "inbox":
            frames.append(loads.frame(key).select(pl.col(dataset.key).cast(pl.Int64, strict=False)).drop_nulls())
    return frames


def _without(known: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    return known.join(keys, on=known.columns, how="anti")


def _said(look: _Look) -> str:
    return f"{look.lost:,} of {look.known:,} keys of {look.dataset.name} are gone from the source"
