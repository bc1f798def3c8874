"""Rows that were changed after a load began and say that they were changed before.

A clock that is not of UTC wrote their time, a transaction was committed late, or they were put back from a copy.

A load writes down the key and time of every row that was changed in the half day before it began. What the next one
finds there that was not, has come in since. Where all keys are compared (`--keys`), so are the times of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.layout import key_snapshot, key_snapshots, load_id_in, recent_prefix, recent_versions
from pipeline_assets.raw.clocks import ZONES
from pipeline_assets.raw.loads import Begun, Loads, Part
from pipeline_assets.raw.set_back import buried, set_back, tombstones
from pipeline_assets.raw.source import SourceDatabase
from pipeline_assets.raw.statements import moment
from pipeline_assets.raw.tables import UPDATED_AT

#: So many are read by their keys; of more, the whole table is.
_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Late:
    """The keys of late rows of a table, or `everything` where they are too many; `graves` buries older ones."""

    keys: tuple[tuple[int, ...], ...] = ()
    everything: bool = False
    said: tuple[str, ...] = ()
    graves: Part | None = None


def late_rows(source: SourceDatabase, loads: Loads, dataset: Dataset, begun: Begun, lag: timedelta) -> Late:
    """The late rows of a table, the same however often it is asked within a load.

    It writes down what the next load has to know, so it has to be asked in each load but those of a day.
    """
    name, key = dataset.name, list(dataset.key)
    since = datetime.fromisoformat(begun.since[name]) if name in begun.since else None
    began = datetime.fromisoformat(begun.begun_at)
    begins = [began - lag - ZONES, *([datetime.fromisoformat(begun.late[name])] if name in begun.late else [])]
    recent = loads.kept(recent_versions(name, begun.name.load_id), lambda: source.versions(dataset, min(begins)))
    graves = _graves(loads, dataset, begun, recent)
    if since is None:
        return Late(graves=graves)
    found = [pl.DataFrame(schema=dict.fromkeys(key, pl.Int64))]
    earlier = loads.found(recent_versions(name, begun.follows[name])) if name in begun.follows else recent
    if earlier is not None:
        found.append(_changed(recent, earlier, since, datetime.fromisoformat(begun.late[name])).select(key))
    if begun.keys:
        found.append(_by_keys(loads, dataset, begun, min(since, began)).select(key))
    late = pl.concat(found).unique()
    keys = tuple(pl.concat([late, _read_again(loads, dataset, begun, recent, graves)]).unique().sort(key).rows())
    everything = earlier is None or len(keys) > _MOST_KEYS
    return Late(keys, everything, tuple(_said(name, late.height, lag, lost=earlier is None)), graves)


def _said(name: str, late: int, lag: timedelta, *, lost: bool) -> Iterator[str]:
    if late:
        yield (
            f"{name}: {late} of its rows say that they were last changed before the load before this one began, and "
            "were not so then; they are exported now. Their updated_at is not in UTC, or was committed more than "
            f"{lag.total_seconds() / 60:g} minutes late"
        )
    if lost:
        yield (
            f"{name}: what the load before this one wrote down of late changes is gone, or was never written: all of "
            "its rows are exported now"
        )


def _read_again(
    loads: Loads, dataset: Dataset, begun: Begun, recent: pl.DataFrame, graves: Part | None
) -> pl.DataFrame:
    """What is buried and is there: it has to be read by the load that buries it."""
    if not graves:
        return recent.select(dataset.key).clear()
    now = loads.frame(key_snapshot(dataset.name, begun.name.load_id)) if begun.keys else recent
    return loads.frame(graves.stored.key).join(now, on=list(dataset.key), how="semi").select(dataset.key)


def _graves(loads: Loads, dataset: Dataset, begun: Begun, recent: pl.DataFrame) -> Part | None:
    """The load's tombstones of a table; where no keys are compared, they are put here."""
    raw = tombstones(dataset, begun)
    if not begun.keys and not (back := set_back(loads, dataset, begun, recent, None)).is_empty():
        return loads.put_part(raw, buried(back, begun))
    return loads.part(raw)


def _by_keys(loads: Loads, dataset: Dataset, begun: Begun, until: datetime) -> pl.DataFrame:
    """Rows whose time is another than when all keys were last compared, and than any load since has written down.

    What a load that was not finished wrote down was perhaps never exported.
    """
    mine, finished = key_snapshot(dataset.name, begun.name.load_id), loads.finished()
    taken = [key for key in loads.keys(key_snapshots(dataset.name)) if key < mine and load_id_in(key) in finished]
    now = loads.frame(mine)
    if not taken or UPDATED_AT not in loads.frame(taken[-1]).columns:
        return now.clear()
    first = load_id_in(taken[-1])
    recent = [key for key in loads.keys(recent_prefix(dataset.name)) if load_id_in(key) in finished]
    frames = [taken[-1], *(key for key in recent if first <= load_id_in(key) < begun.name.load_id)]
    return _changed(now, pl.concat(loads.frame(key) for key in frames), until)


def _changed(now: pl.DataFrame, before: pl.DataFrame, until: datetime, since: datetime | None = None) -> pl.DataFrame:
    """What is in the one and not in the other, of the times up to a moment."""
    times = now.filter(pl.col(UPDATED_AT) < moment(until))
    if since:
        times = times.filter(pl.col(UPDATED_AT) >= moment(since))
    return times.join(before, on=now.columns, how="anti")
