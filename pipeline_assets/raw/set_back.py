"""Rows that say an earlier time of change than they did to a load before, as where clocks of two zones write a table.

Of two versions of a row the one with the later time counts, so what such a row says now would be outdone by what it
said before. So its load buries what loads before have read of it, as of a row that is gone, and reads it once more.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.datasets.types import frame_type
from pipeline_assets.lake.layout import DELETED, RawObject, load_id_in, recent_prefix
from pipeline_assets.raw.loads import Begun, Loads
from pipeline_assets.raw.tables import UPDATED_AT

DELETED_AT = "deleted_at"


def set_back(loads: Loads, dataset: Dataset, begun: Begun, now: pl.DataFrame, snapshot: str | None) -> pl.DataFrame:
    """The keys, in order, of rows whose time is earlier `now` than when a load last wrote it down.

    Loads from that of a `snapshot` of all keys on are asked, or where there is none from the one this one follows on.
    """
    first = load_id_in(snapshot) if snapshot else begun.follows.get(dataset.name, begun.name.load_id)
    recent = loads.keys(recent_prefix(dataset.name))
    asked = [key for key in recent if first <= load_id_in(key) < begun.name.load_id]
    frames = [loads.frame(key) for key in [*([snapshot] if snapshot else []), *asked]]
    known = [frame for frame in frames if UPDATED_AT in frame.columns]
    if not known:
        return now.select(dataset.key).clear()
    last = pl.concat(known).unique(dataset.key, keep="last", maintain_order=True)
    both = now.join(last, on=list(dataset.key))
    return both.filter(pl.col(UPDATED_AT) < pl.col(f"{UPDATED_AT}_right")).select(dataset.key).sort(dataset.key)


def tombstones(dataset: Dataset, begun: Begun) -> RawObject:
    """The object of a load's tombstones for a table."""
    return RawObject(dataset.name, begun.name.day, begun.name.load_id, DELETED)


def buried(keys: pl.DataFrame, begun: Begun) -> pl.DataFrame:
    """Tombstones for keys, as of the second before their load began."""
    moment = begun.name.began.replace(microsecond=0) - timedelta(microseconds=1)
    return keys.with_columns(pl.lit(moment).cast(frame_type("datetime")).alias(DELETED_AT))
