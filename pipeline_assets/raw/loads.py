"""Loads in the raw bucket: their plans, parts, manifests and watermarks.

All objects are put if absent and never replaced, so concurrent or resumed workers share what is there. The metadata of
a part has the key after which the next one begins: parts of a table have no gap and no overlap, however many workers
there are and whenever one dies.

A load begins with its plan, which claims its id, and ends with its manifest. An unfinished one is resumed by the next
call with the same request, UTC day and token key. A later call abandons it: it may still be finished, but its
watermarks are ignored.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import polars as pl

from pipeline_assets.errors import TransientError
from pipeline_assets.lake.layout import ABANDONED, BEGUN, LOADS, MANIFEST, LoadName, RawObject, load_id_of
from pipeline_assets.lake.manifest import LoadedObject, LoadMode, Manifest
from pipeline_assets.raw.clocks import Watermark
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.documents import from_json, to_json

#: Loads that may begin at the same microsecond.
_CLAIMS = 1_000


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Plan of a load, fixed when it begins. All times are ISO-8601 in UTC by the clock of the source.

    Parameters
    ----------
    name
        Day and id.
    mode
        Full, incremental, day or inbox.
    datasets
        Names of its tables.
    begun_at
        When it began.
    since
        Lower bound of `updated_at` by table, where there is one.
    keys
        Deleted rows are looked for.
    source
        Id of the inbox object; empty for an export.
    token_key
        Id of the key of its tokens.
    follows
        Id of the load whose watermark it relies on, by table.
    late
        Lower bound of `updated_at` of late rows, by table.
    newest
        Newest `updated_at` when it began, by table.
    warnings
        Whole sentences on the clocks of the tables.
    """

    name: LoadName
    mode: LoadMode
    datasets: tuple[str, ...]
    begun_at: str
    since: dict[str, str] = field(default_factory=dict)
    keys: bool = False
    source: str = ""
    token_key: str = ""
    follows: dict[str, str] = field(default_factory=dict)
    late: dict[str, str] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def requests_the_same(self, other: LoadPlan) -> bool:
        """Whether both have the same mode, tables and options, and the same day where they are of a day."""
        mine = (self.mode, self.datasets, self.keys, self.source, self.name.day if self.mode == "day" else "")
        return mine == (other.mode, other.datasets, other.keys, other.source, other.name.day if mine[-1] else "")

    def can_be_resumed_by(self, later: LoadPlan) -> bool:
        """Whether rows that are read now may join it: on the same UTC day and with the same token key."""
        day = len("2026-11-20")
        return (self.begun_at[:day], self.token_key) == (later.begun_at[:day], later.token_key)


@dataclass(frozen=True, slots=True)
class Part:
    """Stored part of a load.

    Parameters
    ----------
    stored
        The raw object.
    last
        Sort key of its last row; empty where no part follows.
    """

    stored: LoadedObject
    last: tuple[int, ...]


class Loads:
    """Repository of the loads of a raw bucket; every method raises `TransientError` when S3 does not answer."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def receipt_id(self, loaded: LoadedObject) -> str:
        """The id of the receipt that an object of a load will have."""
        return loaded.receipt_id(self._bucket.name)

    def begin(self, plan: LoadPlan, moment: datetime) -> LoadPlan:
        """Claim the first free load id from a moment on, or find the one that the same inbox object has claimed.

        Returns
        -------
        LoadPlan
            The plan with its name, as it is in the bucket.

        Raises
        ------
        TransientError
            A thousand loads have begun at that moment.
        """
        for later in range(_CLAIMS):
            load_id = load_id_of(moment + timedelta(microseconds=later))
            claimed = replace(plan, name=LoadName(plan.name.day, load_id))
            if self._bucket.put_if_absent(claimed.name.begun_key, _document(claimed)):
                return claimed
            earlier = self.plan(claimed.name)
            # Equal: this very claim, put again by the client since the first answer was lost.
            if earlier == claimed or (plan.source and earlier.source == plan.source):
                return earlier
        raise TransientError(f"{_CLAIMS} loads have begun at {moment.isoformat()}")

    def unfinished(self, plan: LoadPlan) -> LoadPlan | None:
        """Find the oldest unfinished load of the same request that can be resumed; abandon those that no longer can.

        Returns
        -------
        LoadPlan or None
            None where a new load has to begin.
        """
        begun, finished, abandoned = self._names()
        for name in sorted(begun - finished - abandoned, key=_by_id):
            earlier = self.plan(name)
            if earlier.requests_the_same(plan):
                if earlier.can_be_resumed_by(plan):
                    return earlier
                self._bucket.put_if_absent(name.abandoned_key, _document(plan))
        return None

    def watermarks(self, datasets: tuple[str, ...]) -> dict[str, Watermark]:
        """Read the watermark of each table: that of the latest finished load which has one."""
        found: dict[str, Watermark] = {}
        _, finished, abandoned = self._names()
        for name in sorted(finished - abandoned, key=_by_id, reverse=True):
            if found.keys() >= set(datasets):
                break
            manifest = from_json(self._text(name.key), Manifest)
            for dataset, began in manifest.watermarks.items():
                newest = manifest.newest.get(dataset)
                watermark = Watermark(
                    name.load_id, datetime.fromisoformat(began), datetime.fromisoformat(newest) if newest else None
                )
                if dataset in datasets:
                    found.setdefault(dataset, watermark)
        return found

    def part(self, raw: RawObject) -> Part | None:
        """Read what a part is without its rows; None where it is not there."""
        head = self._bucket.head(raw.key)
        if head is None:
            return None
        rows, last = int(head.metadata["rows"]), tuple(json.loads(head.metadata["last"]))
        return Part(LoadedObject(raw.dataset, raw.key, head.version_id, rows), last)

    def put_part(self, raw: RawObject, frame: pl.DataFrame, last: tuple[int, ...] = ()) -> Part:
        """Put rows as a part, unless it is there.

        Parameters
        ----------
        raw
            The raw object.
        frame
            Rows, personal data replaced; the columns of a dataset, or the key and `deleted_at` of tombstones.
        last
            Sort key of the last row; empty where no part follows.

        Returns
        -------
        Part
            What is in the bucket: these rows, or those of another worker that was quicker.

        Raises
        ------
        TransientError
            The part was there and is gone.
        """
        metadata = {"rows": str(frame.height), "last": json.dumps(last)}
        if put := self._bucket.put_if_absent(raw.key, parquet(frame), metadata=metadata):
            return Part(LoadedObject(raw.dataset, raw.key, put.version_id, frame.height), last)
        part = self.part(raw)
        if part is None:
            raise TransientError(f"{raw.key} was there and is gone again")
        return part

    def finish(self, manifest: Manifest) -> Manifest:
        """Put the manifest, unless one is there; return the one in the bucket."""
        if self._bucket.put_if_absent(manifest.name.key, _document(manifest)):
            return manifest
        return from_json(self._text(manifest.name.key), Manifest)

    def put_frame(self, key: str, frame: pl.DataFrame) -> None:
        """Put a snapshot as Parquet, unless its key is taken."""
        self._bucket.put_if_absent(key, parquet(frame))

    def frame_or_put(self, key: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Read the snapshot of a key; where there is none, make and put it first."""
        if (found := self.find_frame(key)) is not None:
            return found
        self.put_frame(key, make())
        return self.frame(key)

    def find_frame(self, key: str) -> pl.DataFrame | None:
        """Read a snapshot that `put_frame` has put; None where there is none."""
        return self.frame(key) if key in self.keys(key) else None

    def frame(self, key: str) -> pl.DataFrame:
        """Read a snapshot that `put_frame` has put, or a part."""
        return pl.read_parquet(io.BytesIO(self._content(key)))

    def keys(self, prefix: str) -> list[str]:
        """List the keys below a prefix, in order."""
        return [found.key for found in self._bucket.objects(prefix)]

    def finished(self) -> set[str]:
        """List the ids of the loads that are finished and were not abandoned before."""
        _, finished, abandoned = self._names()
        return {name.load_id for name in finished - abandoned}

    def _names(self) -> tuple[set[LoadName], set[LoadName], set[LoadName]]:
        """List the loads that were begun, those that are finished, and those that were abandoned."""
        keys = self.keys(LOADS)
        begun, finished, abandoned = (
            {name for key in keys if (name := LoadName.of(key, ending))} for ending in (BEGUN, MANIFEST, ABANDONED)
        )
        return begun, finished, abandoned

    def plan(self, name: LoadName) -> LoadPlan:
        """Read the plan of a load."""
        return from_json(self._text(name.begun_key), LoadPlan)

    def _text(self, key: str) -> str:
        return self._content(key).decode()

    def _content(self, key: str) -> bytes:
        content = self._bucket.read(key)
        if content is None:
            raise TransientError(f"{key} is not in the raw bucket {self._bucket.name}, where it was a moment ago")
        return content


def parquet(frame: pl.DataFrame) -> bytes:
    """Parquet of a frame, compressed lightly: a raw object is read about once."""
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd", compression_level=1)
    return content.getvalue()


def _document(body: LoadPlan | Manifest) -> bytes:
    """Indented JSON, as people read it too."""
    return to_json(body, indent=1)


def _by_id(name: LoadName) -> str:
    return name.load_id
