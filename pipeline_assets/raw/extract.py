"""Extract of the source database into raw objects: one load, full, incremental or of a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, count
from typing import Literal

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.layout import LoadName, RawObject
from pipeline_assets.lake.manifest import LoadedObject, Manifest
from pipeline_assets.privacy.masking import mask
from pipeline_assets.raw.clocks import ChangeTimes, clock_warnings, zone_warnings
from pipeline_assets.raw.errors import SourceError
from pipeline_assets.raw.late import LateRows, find_late_rows
from pipeline_assets.raw.loads import LoadPlan, Part
from pipeline_assets.raw.source import Window
from pipeline_assets.raw.stores import ExportStores
from pipeline_assets.raw.tables import SourceTable
from pipeline_assets.raw.tombstones import put_tombstones

ExportMode = Literal["full", "incremental", "day"]
#: Rows of a part: what one function can hold.
PART_ROWS = 1_000_000
#: A change that was committed this much later than its `updated_at` is still found by the next load.
LAG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Request:
    """Request of a load.

    Parameters
    ----------
    mode
        full: every row of each table. incremental: rows changed since the last full or incremental load, and once more
        those of the `lag` before it. day: rows last changed on `day`.
    day
        UTC day of the load, for the mode day alone.
    keys
        Find deleted rows too, in the modes full and incremental.
    many_deleted
        More than a hundred and more than a fifth of a table's rows may be gone.
    datasets
        Tables.
    lag
        How much later than `updated_at` a change may be committed.
    part_rows
        Most rows of a part, from 1.

    Raises
    ------
    SourceError
        The options do not go together.
    """

    mode: ExportMode
    day: date | None = None
    keys: bool = False
    many_deleted: bool = False
    datasets: Sequence[Dataset] = ECOMMERCE.datasets
    lag: timedelta = LAG
    part_rows: int = PART_ROWS

    def __post_init__(self) -> None:
        if (self.mode == "day") is (self.day is None):
            raise SourceError("a load by day needs its day, and no other load has one to choose")
        if self.mode == "day" and self.keys:
            raise SourceError("deleted rows are found by a full or an incremental load, not by one of a day")
        if self.many_deleted and not self.keys:
            raise SourceError(
                "many rows may be gone only where deleted rows are looked for: with --keys or --mode full"
            )


#: Called with every part that is in the bucket.
OnPart = Callable[[Part], None]


def export(request: Request, stores: ExportStores, on_part: OnPart = lambda _: None) -> Manifest:
    """Export one load: its parts, then its manifest.

    An unfinished load of the same request, UTC day and token key is resumed; an older one is abandoned. Incremental
    loads start at the watermark of a finished one, so they find what an abandoned one left out.

    Rows that change while this runs are not lost: the watermark is the time at which the load began, by the clock of
    the database. No later load reads a day again, so a load of a day that began before the day was over, and is
    resumed, is followed by another.

    Parameters
    ----------
    request
        What to export.
    stores
        Source database, loads of the raw bucket, token key.
    on_part
        Called with every part that is in the bucket.

    Returns
    -------
    Manifest
        The manifest of the load, as it is in the bucket.

    Raises
    ------
    SourceError
        A table cannot be exported; the others are in the bucket, and the load can be resumed.
    TransientError
        A store does not answer.
    """
    while True:
        plan, resumed = _begin_or_resume(request, stores)
        manifest = _put_load(plan, request, stores, on_part, resumed=resumed)
        if not (resumed and plan.mode == "day" and plan.begun_at[: len(plan.name.day)] <= plan.name.day):
            return manifest


def has_rows(day: date, datasets: Sequence[Dataset], stores: ExportStores) -> bool:
    """Whether a load of a day would have rows.

    Parameters
    ----------
    day
        UTC day.
    datasets
        Tables.
    stores
        The source database.

    Returns
    -------
    bool
        True too where a table cannot be read: its export says why.

    Raises
    ------
    TransientError
        The database does not answer.
    """
    window = _window_of(day)
    try:
        return any(not stores.source.rows(dataset, window, limit=1).frame.is_empty() for dataset in datasets)
    except SourceError:
        return True


def _put_load(plan: LoadPlan, request: Request, stores: ExportStores, on_part: OnPart, *, resumed: bool) -> Manifest:
    """Put the missing parts of a load, its manifest last; a table that cannot be exported does not stop the others."""
    objects: list[LoadedObject] = []
    failed: dict[str, TerminalError] = {}
    tables = _readable_tables(request, stores, failed)
    warnings = [*plan.warnings, *(each for table in tables for each in table.warnings)]
    tombstones: dict[str, Part] = {}
    if plan.keys:
        readable = [table.dataset for table in tables]
        tombstones = put_tombstones(stores.source, stores.loads, readable, plan, many=request.many_deleted)
    for dataset in (table.dataset for table in tables):
        try:
            late = (
                find_late_rows(stores.source, stores.loads, dataset, plan, request.lag)
                if plan.mode != "day"
                else LateRows()
            )
            warnings += late.warnings
            rows = _put_table(dataset, plan, late, request, stores, resumed=resumed)
            deleted = late.tombstones or tombstones.get(dataset.name)
            for part in chain([deleted] if deleted else [], rows):
                objects.append(part.stored)
                on_part(part)
        except TerminalError as error:
            failed[dataset.name] = error
    if failed:
        raise SourceError(_incomplete(plan, failed))
    watermark = plan.begun_at if request.mode != "day" else None
    return stores.loads.finish(
        Manifest(
            name=plan.name,
            mode=plan.mode,
            finished_at=_iso(stores.source.now()),
            datasets=plan.datasets,
            objects=tuple(objects),
            watermarks=dict.fromkeys(plan.datasets, watermark) if watermark else {},
            newest=plan.newest,
            warnings=tuple(warnings),
        )
    )


def _readable_tables(request: Request, stores: ExportStores, failed: dict[str, TerminalError]) -> list[SourceTable]:
    """Read the columns of the tables; those that cannot be exported go into `failed`."""
    tables = []
    for dataset in request.datasets:
        try:
            tables.append(stores.source.table(dataset))
        except SourceError as error:
            failed[dataset.name] = error
    return tables


def _incomplete(plan: LoadPlan, failed: Mapping[str, TerminalError]) -> str:
    each = "; ".join(str(error) if name in str(error) else f"{name}: {error}" for name, error in failed.items())
    load = f"the load {plan.name.load_id} of {plan.name.day}"
    return f"{load} is not complete, as not all of its tables could be exported ({each}). Mend it, and export again"


def _begin_or_resume(request: Request, stores: ExportStores) -> tuple[LoadPlan, bool]:
    """Find the load to resume, or begin one; whether it is resumed."""
    now = stores.source.now()
    if request.day and request.day > now.date():
        raise SourceError(f"the day {request.day} has not begun")
    day = request.day or now.date()
    names = tuple(dataset.name for dataset in request.datasets)
    plan = LoadPlan(
        LoadName(day.isoformat(), ""), request.mode, names, _iso(now), keys=request.keys, token_key=stores.key.id
    )
    if unfinished := stores.loads.unfinished(plan):
        return unfinished, True
    times, watermarks = dict(_times(request, stores, now)), stores.loads.watermarks(names)
    warnings = [each for name, of in times.items() for each in clock_warnings(name, of, now, watermarks.get(name))]
    warnings += zone_warnings([name for name, of in times.items() if of.local], stores.source.seconds_ahead())
    newest = {name: _iso(of.past) for name, of in times.items() if of.past}
    plan = replace(plan, newest=newest, warnings=tuple(warnings))
    if request.mode != "day":
        since = {name: _iso(watermark.began - request.lag) for name, watermark in watermarks.items()}
        plan = replace(
            plan,
            since=since if request.mode == "incremental" else {},
            follows={name: watermark.load_id for name, watermark in watermarks.items()},
            late={name: _iso(watermark.late_from(request.lag)) for name, watermark in watermarks.items()},
        )
    return stores.loads.begin(plan, now), False


def _times(request: Request, stores: ExportStores, now: datetime) -> Iterator[tuple[str, ChangeTimes]]:
    """Read the figures of `updated_at` of each table; one that cannot be read fails later, when it is exported."""
    for dataset in request.datasets:
        with suppress(SourceError):
            yield dataset.name, stores.source.times(dataset, now)


def _put_table(
    dataset: Dataset, plan: LoadPlan, late: LateRows, request: Request, stores: ExportStores, *, resumed: bool
) -> Iterator[Part]:
    """Put the missing parts of one table, and yield all of its parts."""
    window = _window(dataset, plan, late)
    after: tuple[int, ...] = ()
    for number in count(1):
        raw = RawObject(dataset.name, plan.name.day, plan.name.load_id, f"{number:04d}")
        part, rest = (stores.loads.part(raw) if resumed else None), None
        if part is None:
            page = stores.source.rows(dataset, window, after, limit=request.part_rows)
            if page.frame.is_empty():
                return
            part = stores.loads.put_part(raw, mask(page.frame, dataset, stores.key), page.last)
            rest = None if page.more else page.last
        yield part
        if part.last == rest:
            return  # the end of the table, also where another worker has put that part
        after = part.last


def _window(dataset: Dataset, plan: LoadPlan, late: LateRows) -> Window:
    if plan.mode == "day":
        return _window_of(date.fromisoformat(plan.name.day))
    since = plan.since.get(dataset.name)
    return Window(datetime.fromisoformat(since), also=late.keys) if since and not late.everything else Window()


def _window_of(day: date) -> Window:
    begin = datetime.combine(day, time(), UTC)
    return Window(begin, begin + timedelta(days=1))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
