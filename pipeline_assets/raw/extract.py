"""From the source database to raw objects: one load of its tables, by full, incremental or day."""

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
from pipeline_assets.raw.clocks import Times, said_of, said_of_zone
from pipeline_assets.raw.errors import SourceError
from pipeline_assets.raw.late import Late, late_rows
from pipeline_assets.raw.loads import Begun, Part
from pipeline_assets.raw.source import Window
from pipeline_assets.raw.stores import ExportStores
from pipeline_assets.raw.tables import SourceTable
from pipeline_assets.raw.tombstones import bury_deleted

ExportMode = Literal["full", "incremental", "day"]
#: Rows of a part: what one function takes at a time.
PART_ROWS = 1_000_000
#: A row whose change was committed this much later than `updated_at` says is still found by the next load.
LAG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Request:
    """What to export.

    full: every row of each table. incremental: rows changed since the last full or incremental load, and once more
    those of the `lag` before it. day: rows last changed on the UTC day `day`, which is then the day of the load.
    `keys` looks for deleted rows as well; a day cannot tell of any. `many_deleted` lets more than a fifth of the rows
    of a table be gone.
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


#: Told of every part that is in the bucket.
Tell = Callable[[Part], None]


def export(request: Request, stores: ExportStores, tell: Tell = lambda _: None) -> Manifest:
    """Export one load and return its manifest, which is put last.

    It goes on with an unfinished load of the same kind that began on the same UTC day with the same key of tokens; an
    older one is abandoned. An incremental load relies on finished loads only, so it finds what an abandoned one left.

    Rows that change while this runs are not lost: what the next incremental load relies on is the time at which this
    one began, by the clock of the database. No later load looks at a day again, so where one of a day was begun before
    that was over, and then gone on with, another follows. Raises `SourceError`, and `TransientError` when a store does
    not answer.
    """
    while True:
        begun, resumed = _begin(request, stores)
        manifest = _load(begun, request, stores, tell, resumed=resumed)
        if not (resumed and begun.mode == "day" and begun.begun_at[: len(begun.name.day)] <= begun.name.day):
            return manifest


def _load(begun: Begun, request: Request, stores: ExportStores, tell: Tell, *, resumed: bool) -> Manifest:
    """Put what is not there yet of a load, its manifest last; a table that cannot be exported holds up no other."""
    objects: list[LoadedObject] = []
    failed: dict[str, TerminalError] = {}
    tables = _tables(request, stores, failed)
    said = [*begun.said, *(each for table in tables for each in table.said)]
    graves: dict[str, Part] = {}
    if begun.keys:
        sound = [table.dataset for table in tables]
        graves = bury_deleted(stores.source, stores.loads, sound, begun, many=request.many_deleted)
    for dataset in (table.dataset for table in tables):
        try:
            late = (
                late_rows(stores.source, stores.loads, dataset, begun, request.lag) if begun.mode != "day" else Late()
            )
            said += late.said
            rows = _table(dataset, begun, late, request, stores, resumed=resumed)
            grave = late.graves or graves.get(dataset.name)
            for part in chain([grave] if grave else [], rows):
                objects.append(part.stored)
                tell(part)
        except TerminalError as error:
            failed[dataset.name] = error
    if failed:
        raise SourceError(_said(begun, failed))
    promises = begun.begun_at if request.mode != "day" else None
    return stores.loads.finish(
        Manifest(
            name=begun.name,
            mode=begun.mode,
            finished_at=_text(stores.source.now()),
            datasets=begun.datasets,
            objects=tuple(objects),
            watermarks=dict.fromkeys(begun.datasets, promises) if promises else {},
            newest=begun.newest,
            warnings=tuple(said),
        )
    )


def _tables(request: Request, stores: ExportStores, failed: dict[str, TerminalError]) -> list[SourceTable]:
    """The tables that can be read, as they are by now; the others are noted with why they cannot."""
    tables = []
    for dataset in request.datasets:
        try:
            tables.append(stores.source.table(dataset))
        except SourceError as error:
            failed[dataset.name] = error
    return tables


def _said(begun: Begun, failed: Mapping[str, TerminalError]) -> str:
    each = "; ".join(str(error) if name in str(error) else f"{name}: {error}" for name, error in failed.items())
    load = f"the load {begun.name.load_id} of {begun.name.day}"
    return f"{load} is not complete, as not all of its tables could be exported ({each}). Mend it, and export again"


def _begin(request: Request, stores: ExportStores) -> tuple[Begun, bool]:
    """The load to work on, and whether it was begun before."""
    now = stores.source.now()
    if request.day and request.day > now.date():
        raise SourceError(f"the day {request.day} has not begun")
    day = request.day or now.date()
    names = tuple(dataset.name for dataset in request.datasets)
    begun = Begun(
        LoadName(day.isoformat(), ""), request.mode, names, _text(now), keys=request.keys, token_key=stores.key.id
    )
    if unfinished := stores.loads.unfinished(begun):
        return unfinished, True
    times, marks = dict(_times(request, stores, now)), stores.loads.marks(names)
    said = [each for name, of in times.items() for each in said_of(name, of, now, marks.get(name))]
    said += said_of_zone([name for name, of in times.items() if of.local], stores.source.seconds_ahead())
    newest = {name: _text(of.past) for name, of in times.items() if of.past}
    begun = replace(begun, newest=newest, said=tuple(said))
    if request.mode != "day":
        since = {name: _text(mark.began - request.lag) for name, mark in marks.items()}
        begun = replace(
            begun,
            since=since if request.mode == "incremental" else {},
            follows={name: mark.load_id for name, mark in marks.items()},
            late={name: _text(mark.late_from(request.lag)) for name, mark in marks.items()},
        )
    return stores.loads.begin(begun, now), False


def _times(request: Request, stores: ExportStores, now: datetime) -> Iterator[tuple[str, Times]]:
    """What the times of each table are like, but of those that cannot be read: that is told when they are to be."""
    for dataset in request.datasets:
        with suppress(SourceError):
            yield dataset.name, stores.source.times(dataset, now)


def _table(
    dataset: Dataset, begun: Begun, late: Late, request: Request, stores: ExportStores, *, resumed: bool
) -> Iterator[Part]:
    """Put what is not there yet of the rows of one table, and yield every part of them."""
    window = _window(dataset, begun, late)
    after: tuple[int, ...] = ()
    for number in count(1):
        raw = RawObject(dataset.name, begun.name.day, begun.name.load_id, f"{number:04d}")
        part, rest = (stores.loads.part(raw) if resumed else None), None
        if part is None:
            page = stores.source.rows(dataset, window, after, limit=request.part_rows)
            if page.frame.is_empty():
                return
            part = stores.loads.put_part(raw, mask(page.frame, dataset, stores.key), page.last)
            rest = None if page.more else page.last
        yield part
        if part.last == rest:
            return  # it was the rest of the table, also where it is another's page that ends there
        after = part.last


def _window(dataset: Dataset, begun: Begun, late: Late) -> Window:
    if begun.mode == "day":
        begin = datetime.combine(date.fromisoformat(begun.name.day), time(), UTC)
        return Window(begin, begin + timedelta(days=1))
    since = begun.since.get(dataset.name)
    return Window(datetime.fromisoformat(since), also=late.keys) if since and not late.everything else Window()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
