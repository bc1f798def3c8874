"""Whether the lake has what a prod set is made of: a set is never made of less than was loaded.

The completion marker of a load says how many rows of each dataset it brought. Where a day has such rows and no curated
object of theirs, a set would be that of an earlier day under the name of this one, so it is refused. On days before the
last one, datasets of which nobody promises rows are not asked for: a marker is read only where a day is in doubt.
Where loads are complete and none had a row of any input, as of a log that nobody keeps, a set is empty and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pipeline_assets.datasets.ecommerce import RESTING
from pipeline_assets.errors import TerminalError
from pipeline_assets.lake.layout import LOADS, LoadName, curated_key
from pipeline_assets.storage.bucket import Bucket, StoredObject
from pipeline_assets.storage.documents import from_json

_RESTING = frozenset(dataset.name for dataset in RESTING)
#: Requests at once.
_AT_ONCE: Final = 8
#: What markers said, by bucket, key and etag: a backfill asks for the same ones on every day.
_READ: Final[dict[tuple[str, str, str], Mapping[str, int]]] = {}


@dataclass(frozen=True, slots=True)
class _Marker:
    """What is asked of a completion marker: by dataset, its fingerprint and its rows by outcome."""

    datasets: dict[str, dict[str, str | int]] = field(default_factory=dict)


def require_inputs(days: Mapping[str, Sequence[StoredObject]], as_of: date, curated: Bucket) -> None:
    """Refuse to make a set of what the lake does not have.

    Parameters
    ----------
    days
        By dataset, the curated days that the set would be made of.
    as_of
        The day of the set.
    curated
        Where the curated days and the completion markers are.

    Raises
    ------
    TerminalError
        There is no day and no complete load, or a day is missing of which a complete load has rows.
    TransientError
        The bucket does not answer.
    """
    there = {each.key for listed in days.values() for each in listed}
    loads = list(_loads_until(as_of, curated))
    if not there and not loads:
        raise TerminalError(f"the lake has nothing up to {as_of} of {', '.join(days)}; load these days first")
    doubtful: list[tuple[StoredObject, LoadName, list[str]]] = []
    for marker, load in loads:
        asked = days if load.day == as_of.isoformat() else days.keys() - _RESTING
        if missing := [dataset for dataset in asked if curated_key(dataset, load.day) not in there]:
            doubtful.append((marker, load, sorted(missing)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = pool.map(lambda each: _rows_of(curated, each[0]), doubtful)
        for (_, load, missing), rows in zip(doubtful, told, strict=True):
            for dataset in missing:
                if rows.get(dataset):
                    raise TerminalError(
                        f"the lake lacks curated/{dataset} of {load.day}, of which the load {load.load_id} has "
                        f"{rows[dataset]} accepted rows; materialize that day again"
                    )


def _loads_until(as_of: date, curated: Bucket) -> Iterator[tuple[StoredObject, LoadName]]:
    for found in curated.objects(LOADS):
        if load := LoadName.of(found.key):
            if load.day > as_of.isoformat():
                return
            yield found, load


def _rows_of(curated: Bucket, marker: StoredObject) -> Mapping[str, int]:
    """How many rows of each dataset a load brought, by its marker; none by one that an earlier release wrote."""
    place = curated.name, marker.key, marker.etag
    if place not in _READ:
        try:
            read = from_json(curated.read(marker.key) or b"{}", _Marker)
        except ValueError:
            read = _Marker()
        _READ[place] = {name: int(rows.get("accepted", 0)) for name, rows in read.datasets.items()}
    return _READ[place]
