"""Late rows: changed after a load began, with an `updated_at` before that.

Their clock is not in UTC, their transaction was committed late, or they were put back from a copy.

Each load stores a snapshot of key and `updated_at` of the rows changed in the half day before it began. Rows in that
range that the next load finds and the snapshot lacks are late. Where all keys are compared (`--keys`), so are the times
of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.lake.layout import key_snapshot, key_snapshots, load_id_in, recent_prefix, recent_versions
from pipeline_assets.raw.clocks import ZONES
from pipeline_assets.raw.loads import LoadPlan, Loads, Part
from pipeline_assets.raw.set_back import set_back_keys, tombstone_object, tombstone_rows
from pipeline_assets.raw.source import SourceDatabase
from pipeline_assets.raw.statements import moment
from pipeline_assets.raw.tables import UPDATED_AT

#: Most late rows that are read by their keys; beyond that the whole table is read.
_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class LateRows:
    """Late rows of a table.

    Parameters
    ----------
    keys
        Keys to read, in order.
    everything
        They are too many, or cannot be known: read the whole table.
    warnings
        Whole sentences for people.
    tombstones
        Tombstones of their earlier versions; None where there are none.
    """

    keys: tuple[tuple[int, ...], ...] = ()
    everything: bool = False
    warnings: tuple[str, ...] = ()
    tombstones: Part | None = None


def find_late_rows(source: SourceDatabase, loads: Loads, dataset: Dataset, plan: LoadPlan, lag: timedelta) -> LateRows:
    """Find the late rows of a table, and store the snapshot that the next load compares with.

    Every load but those of a day has to call it. Within one load it always returns the same.

    Parameters
    ----------
    source
        Source database.
    loads
        Loads of the raw bucket.
    dataset
        The table's dataset.
    plan
        The load.
    lag
        How much later than `updated_at` a change may be committed without being late.

    Returns
    -------
    LateRows
        The keys to read beside the window of the load.
    """
    name, key = dataset.name, list(dataset.key)
    since = datetime.fromisoformat(plan.since[name]) if name in plan.since else None
    began = datetime.fromisoformat(plan.begun_at)
    begins = [began - lag - ZONES, *([datetime.fromisoformat(plan.late[name])] if name in plan.late else [])]
    recent = loads.frame_or_put(recent_versions(name, plan.name.load_id), lambda: source.versions(dataset, min(begins)))
    tombstones = _put_tombstones(loads, dataset, plan, recent)
    if since is None:
        return LateRows(tombstones=tombstones)
    found = [pl.DataFrame(schema=dict.fromkeys(key, pl.Int64))]
    earlier = loads.find_frame(recent_versions(name, plan.follows[name])) if name in plan.follows else recent
    if earlier is not None:
        found.append(_changed(recent, earlier, since, datetime.fromisoformat(plan.late[name])).select(key))
    if plan.keys:
        found.append(_late_by_keys(loads, dataset, plan, min(since, began)).select(key))
    late = pl.concat(found).unique()
    keys = tuple(
        pl.concat([late, _keys_of_tombstones(loads, dataset, plan, recent, tombstones)]).unique().sort(key).rows()
    )
    everything = earlier is None or len(keys) > _MOST_KEYS
    return LateRows(keys, everything, tuple(_warnings(name, late.height, lag, lost=earlier is None)), tombstones)


def _warnings(name: str, late: int, lag: timedelta, *, lost: bool) -> Iterator[str]:
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


def _keys_of_tombstones(
    loads: Loads, dataset: Dataset, plan: LoadPlan, recent: pl.DataFrame, tombstones: Part | None
) -> pl.DataFrame:
    """Keys of tombstones whose rows exist: the load that puts them has to export these rows again."""
    if not tombstones:
        return recent.select(dataset.key).clear()
    now = loads.frame(key_snapshot(dataset.name, plan.name.load_id)) if plan.keys else recent
    return loads.frame(tombstones.stored.key).join(now, on=list(dataset.key), how="semi").select(dataset.key)


def _put_tombstones(loads: Loads, dataset: Dataset, plan: LoadPlan, recent: pl.DataFrame) -> Part | None:
    """Put tombstones for rows that are set back, unless comparing all keys has put them; return those of the load."""
    raw = tombstone_object(dataset, plan)
    if not plan.keys and not (back := set_back_keys(loads, dataset, plan, recent, None)).is_empty():
        return loads.put_part(raw, tombstone_rows(back, plan))
    return loads.part(raw)


def _late_by_keys(loads: Loads, dataset: Dataset, plan: LoadPlan, until: datetime) -> pl.DataFrame:
    """Rows whose time is in neither the last snapshot of all keys nor a snapshot of a load since.

    Only finished loads count: what is in the snapshot of another was perhaps never exported.

    Returns
    -------
    polars.DataFrame
        Key and `updated_at`.
    """
    mine, finished = key_snapshot(dataset.name, plan.name.load_id), loads.finished()
    taken = [key for key in loads.keys(key_snapshots(dataset.name)) if key < mine and load_id_in(key) in finished]
    now = loads.frame(mine)
    if not taken or UPDATED_AT not in loads.frame(taken[-1]).columns:
        return now.clear()
    first = load_id_in(taken[-1])
    recent = [key for key in loads.keys(recent_prefix(dataset.name)) if load_id_in(key) in finished]
    frames = [taken[-1], *(key for key in recent if first <= load_id_in(key) < plan.name.load_id)]
    return _changed(now, pl.concat(loads.frame(key) for key in frames), until)


def _changed(now: pl.DataFrame, before: pl.DataFrame, until: datetime, since: datetime | None = None) -> pl.DataFrame:
    """Rows of `now` that `before` lacks, with a time before `until` and not before `since`."""
    times = now.filter(pl.col(UPDATED_AT) < moment(until))
    if since:
        times = times.filter(pl.col(UPDATED_AT) >= moment(since))
    return times.join(before, on=now.columns, how="anti")
