"""Rows that the source has deleted: keys that were in an earlier snapshot of all keys and are in none any more.

Why a row that exists is never taken for deleted: a snapshot is one statement, so a key that it lacks was not in the
table at that moment. A tombstone bears the time just before, before the second began, so that a row put back under the
same key, whose `updated_at` is later even where it has no fractions, outdoes it. Rows are exported after the snapshot
of their load.

Why a deleted row is always found: keys are compared with the two snapshots before. A row that changed in that second,
or that another load has read while a snapshot was taken, may have changed later than the tombstone says; the next
snapshot, in a later second, buries it once more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.export.loads import Begun, Loads, Part
from pipeline_assets.export.source import SourceDatabase
from pipeline_assets.lake.frame_types import FRAME_TYPES
from pipeline_assets.lake.layout import DELETED, RawObject, key_snapshot

DELETED_AT = "deleted_at"
_COMPARED = 2


def bury_deleted(source: SourceDatabase, loads: Loads, dataset: Dataset, begun: Begun) -> Part | None:
    """Take this load's snapshot of a table's keys and put tombstones for those that are gone; None where none is.

    The snapshot comes last: one that is there has its tombstones already.
    """
    name = begun.name
    tombstones = RawObject(dataset.name, name.day, name.load_id, DELETED)
    snapshot = key_snapshot(dataset.name, name.load_id)
    taken = loads.keys(snapshot.removesuffix(f"{name.load_id}.parquet"))
    if snapshot in taken:
        return loads.part(tombstones)
    moment = source.now().replace(microsecond=0) - timedelta(microseconds=1)
    keys = source.keys(dataset)
    earlier = [loads.frame(key) for key in [key for key in taken if key < snapshot][-_COMPARED:]]
    gone = _gone(dataset, keys, earlier, moment)
    part = None if gone.is_empty() else loads.put_part(tombstones, gone)
    loads.put_frame(snapshot, keys)
    return part


def _gone(dataset: Dataset, keys: pl.DataFrame, earlier: list[pl.DataFrame], moment: datetime) -> pl.DataFrame:
    schema = {name: pl.Int64() for name in dataset.key}
    known = pl.concat([pl.DataFrame(schema=schema), *earlier]).unique()
    deleted_at = pl.lit(moment).cast(FRAME_TYPES["datetime"]).alias(DELETED_AT)
    return known.join(keys, on=list(dataset.key), how="anti").sort(dataset.key).with_columns(deleted_at)
