"""Rows whose `updated_at` went back since an earlier load, as where clocks of two zones write a table.

Of two versions of a row the one with the later time wins, so the present one would lose to the one exported before. So
the load puts a tombstone for the earlier versions, as for a deleted row, and exports the row once more.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.layout import DELETED, RawObject, load_id_in, recent_prefix
from pipeline_assets.raw.loads import LoadPlan, Loads
from pipeline_assets.raw.tables import UPDATED_AT

DELETED_AT = "deleted_at"


def set_back_keys(
    loads: Loads, dataset: Dataset, plan: LoadPlan, now: pl.DataFrame, snapshot: str | None
) -> pl.DataFrame:
    """Find the keys of rows whose `updated_at` is earlier now than in the latest snapshot that has them.

    Parameters
    ----------
    loads
        Loads of the raw bucket.
    dataset
        The table's dataset.
    plan
        The load.
    now
        Snapshot of this load: the columns of the key (Int64), and `updated_at` (String).
    snapshot
        Key of the snapshot of all keys from whose load on earlier ones are read; None for the load that this one
        follows.

    Returns
    -------
    polars.DataFrame
        The columns of the key, in its order.
    """
    first = load_id_in(snapshot) if snapshot else plan.follows.get(dataset.name, plan.name.load_id)
    recent = loads.keys(recent_prefix(dataset.name))
    earlier = [key for key in recent if first <= load_id_in(key) < plan.name.load_id]
    frames = [loads.frame(key) for key in [*([snapshot] if snapshot else []), *earlier]]
    known = [frame for frame in frames if UPDATED_AT in frame.columns]
    if not known:
        return now.select(dataset.key).clear()
    last = pl.concat(known).unique(dataset.key, keep="last", maintain_order=True)
    both = now.join(last, on=list(dataset.key))
    return both.filter(pl.col(UPDATED_AT) < pl.col(f"{UPDATED_AT}_right")).select(dataset.key).sort(dataset.key)


def tombstone_object(dataset: Dataset, plan: LoadPlan) -> RawObject:
    """Raw object of a load's tombstones for a table."""
    return RawObject(dataset.name, plan.name.day, plan.name.load_id, DELETED)


def tombstone_rows(keys: pl.DataFrame, plan: LoadPlan) -> pl.DataFrame:
    """Tombstones for keys, as of the second before their load began: the keys, and `deleted_at` (UTC)."""
    moment = plan.name.began.replace(microsecond=0) - timedelta(microseconds=1)
    return keys.with_columns(pl.lit(moment).cast(frame_type("datetime")).alias(DELETED_AT))
