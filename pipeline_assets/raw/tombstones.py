"""Tombstones of deleted rows, found by comparing snapshots of a table's keys.

No existing row gets one: a snapshot is one statement, so a key that it lacks was not in the table at that moment. A
tombstone outdates what loads before its own have read, whatever their times of change. Rows are exported after the
snapshot of their load, so a row that is put back later is not affected.

No deleted row is missed: keys are compared with the two snapshots before and with the rows exported since. Two, because
a load that began later may have read a row before the snapshot that lacks it; the next snapshot repeats the tombstone.

In two phases: all tables are compared first, then tombstones are put. A table that was emptied by mistake stops the
load before any tombstone is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.layout import LoadName, RawObject, key_snapshot, key_snapshots
from pipeline_assets.raw.loads import LoadPlan, Loads, Part
from pipeline_assets.raw.set_back import DELETED_AT, set_back_keys, tombstone_object
from pipeline_assets.raw.source import SourceDatabase, SourceError

_COMPARED = 2
#: More keys than this, and more than this share of the last snapshot, are not believed to be gone.
_MANY, _SHARE = 100, 0.2


@dataclass(frozen=True, slots=True)
class _KeyDiff:
    """Difference of a table's keys from those known before.

    Parameters
    ----------
    dataset
        The table's dataset.
    keys
        Snapshot of now: key and `updated_at`.
    tombstones
        Key and `deleted_at` of rows that are gone or set back.
    lost, known
        Keys of the last snapshot that are gone, and how many it had.
    """

    dataset: Dataset
    keys: pl.DataFrame
    tombstones: pl.DataFrame
    lost: int
    known: int


def put_tombstones(
    source: SourceDatabase, loads: Loads, datasets: Sequence[Dataset], plan: LoadPlan, *, many: bool
) -> dict[str, Part]:
    """Put tombstones for the keys that are gone or set back, then this load's snapshots of all keys.

    Where a snapshot is there already, its tombstones were put before it, and the table is left alone.

    Parameters
    ----------
    source
        Source database.
    loads
        Loads of the raw bucket.
    datasets
        Tables to compare.
    plan
        The load.
    many
        More than a hundred keys and a fifth of a table's may be gone.

    Returns
    -------
    dict of str to Part
        Objects of tombstones by table: the columns of the key, and `deleted_at`.

    Raises
    ------
    SourceError
        More keys are gone, and `many` does not allow it; nothing was put.
    """
    found = [diff for dataset in datasets if (diff := _compare_keys(source, loads, dataset, plan))]
    if not many and (faults := [_too_many_gone(diff) for diff in found if diff.lost > max(_MANY, _SHARE * diff.known)]):
        raise SourceError(f"{'; '.join(faults)}. If that is meant, say so: --many-deleted, Request.many_deleted=True")
    for diff in found:
        if not diff.tombstones.is_empty():
            loads.put_part(tombstone_object(diff.dataset, plan), diff.tombstones)
        loads.put_frame(key_snapshot(diff.dataset.name, plan.name.load_id), diff.keys)
    parts = (loads.part(tombstone_object(dataset, plan)) for dataset in datasets)
    return {part.stored.dataset: part for part in parts if part}


def _compare_keys(source: SourceDatabase, loads: Loads, dataset: Dataset, plan: LoadPlan) -> _KeyDiff | None:
    """Compare a table's keys with those known before; None where this load has its snapshot already."""
    snapshot = key_snapshot(dataset.name, plan.name.load_id)
    taken = loads.keys(key_snapshots(dataset.name))
    if snapshot in taken:
        return None
    moment = source.now().replace(microsecond=0) - timedelta(microseconds=1)
    keys = source.versions(dataset)
    none = pl.DataFrame(schema={name: pl.Int64() for name in dataset.key})
    before = [key for key in taken if key < snapshot][-_COMPARED:]
    earlier = [none, *(loads.frame(key).select(dataset.key) for key in before)]
    deleted_at = pl.lit(moment).cast(frame_type("datetime")).alias(DELETED_AT)
    exported = _exported_keys(loads, dataset, plan, before[0] if before else "")
    if not before:
        # The first comparison: known is what loads have exported.
        earlier = [pl.concat([none, *exported]).unique()]
    lost = _missing_from(keys, pl.concat([*earlier, *exported]).unique())
    back = set_back_keys(loads, dataset, plan, keys, before[-1] if before else None)
    tombstones = pl.concat([lost, back]).sort(dataset.key).with_columns(deleted_at)
    # Keys that only the snapshot before the last has got their first tombstone by the last one.
    return _KeyDiff(dataset, keys, tombstones, _missing_from(keys, earlier[-1]).height, earlier[-1].height)


def _exported_keys(loads: Loads, dataset: Dataset, plan: LoadPlan, snapshot: str) -> list[pl.DataFrame]:
    """Read the keys of rows exported since a snapshot; loads of the inbox have rows that are not of the source."""
    modes: dict[LoadName, str] = {}
    frames = []
    for key in loads.keys(f"{dataset.name}/"):
        raw = RawObject.of(key)
        if raw is None or raw.deletes:
            continue
        if not snapshot < key_snapshot(dataset.name, raw.load_id) < key_snapshot(dataset.name, plan.name.load_id):
            continue
        name = LoadName(raw.day, raw.load_id)
        if name not in modes:
            modes[name] = loads.plan(name).mode
        if modes[name] != "inbox":
            frames.append(loads.frame(key).select(pl.col(dataset.key).cast(pl.Int64, strict=False)).drop_nulls())
    return frames


def _missing_from(keys: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    return known.join(keys, on=known.columns, how="anti")


def _too_many_gone(diff: _KeyDiff) -> str:
    return f"{diff.lost:,} of {diff.known:,} keys of {diff.dataset.name} are gone from the source"
