"""From the source database to raw objects: one load of its tables, by full, incremental or day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, count
from typing import Literal

from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.export.deletions import bury_deleted
from pipeline_assets.export.loads import Begun, Part
from pipeline_assets.export.source import SourceError, Window, last_key
from pipeline_assets.export.stores import ExportStores
from pipeline_assets.lake.layout import LoadName, RawObject
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.privacy.masking import mask

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
    datasets: Sequence[Dataset] = ECOMMERCE
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
    """Put what is not there yet of a load, its manifest last."""
    objects = []
    graves: dict[str, Part] = {}
    if begun.keys:
        graves = bury_deleted(stores.source, stores.loads, request.datasets, begun, many=request.many_deleted)
    for dataset in request.datasets:
        rows = _table(dataset, begun, request, stores, resumed=resumed)
        for part in chain([graves[dataset.name]] if dataset.name in graves else [], rows):
            objects.append(part.stored)
            tell(part)
    promises = begun.begun_at if request.mode != "day" else None
    return stores.loads.finish(
        Manifest(
            name=begun.name,
            mode=begun.mode,
            finished_at=_text(stores.source.now()),
            datasets=begun.datasets,
            objects=tuple(objects),
            watermarks=dict.fromkeys(begun.datasets, promises) if promises else {},
        )
    )


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
    if request.mode == "incremental":
        marks = stores.loads.watermarks(names)
        since = {name: _text(datetime.fromisoformat(mark) - request.lag) for name, mark in marks.items()}
        begun = replace(begun, since=since)
    return stores.loads.begin(begun, now), False


def _table(dataset: Dataset, begun: Begun, request: Request, stores: ExportStores, *, resumed: bool) -> Iterator[Part]:
    """Put what is not there yet of the rows of one table, and yield every part of them."""
    window = _window(dataset, begun)
    after: tuple[int, ...] = ()
    for number in count(1):
        raw = RawObject(dataset.name, begun.name.day, begun.name.load_id, f"{number:04d}")
        part, rest = (stores.loads.part(raw) if resumed else None), None
        if part is None:
            rows = stores.source.rows(dataset, window, after, limit=request.part_rows)
            if rows.is_empty():
                return
            mine = last_key(dataset, rows)
            part = stores.loads.put_part(raw, mask(rows, dataset, stores.key), mine)
            rest = mine if rows.height < request.part_rows else None
        yield part
        if part.last == rest:
            return  # it was the rest of the table, also where it is another's page that ends there
        after = part.last


def _window(dataset: Dataset, begun: Begun) -> Window:
    if begun.mode == "day":
        begin = datetime.combine(date.fromisoformat(begun.name.day), time(), UTC)
        return Window(begin, begin + timedelta(days=1))
    since = begun.since.get(dataset.name)
    return Window(datetime.fromisoformat(since)) if since else Window()


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
