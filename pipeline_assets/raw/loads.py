"""The loads in the raw bucket: begun, part by part, finished.

Everything of a load is put if absent and never replaced, so that whoever goes on with a load, or works on it at the
same time, takes over what is there. Each part says in its metadata after which key the next one begins: however many
take part and whenever one dies, the parts of a table follow upon each other without a gap or an overlap.

A load is begun with an object that claims its id and says what it is of, and finished with its manifest. What is begun
and not finished is gone on with by the next call that asks for the same on the same day with the same key of tokens; a
later call closes it with a note. Whoever still works on it then may finish it, but nothing relies on what it promises.
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
from pipeline_assets.raw.clocks import Mark
from pipeline_assets.storage.bucket import Bucket
from pipeline_assets.storage.documents import from_json, to_json

#: Loads that may begin at the same microsecond.
_CLAIMS = 1_000


@dataclass(frozen=True, slots=True)
class Begun:
    """What a load is of, settled when it begins.

    `begun_at` is ISO-8601 UTC by the clock of the source; `since` holds, by dataset, the lower bound of `updated_at`
    where there is one, `follows` the id of the load that it relies on and `late` from where on rows may have come in
    late since that; `newest` holds the newest time of each, and `said` what people have to know of them. `keys` says
    that deleted rows are looked for; `source` is the id of the inbox object; `token_key` is the id of the key of its
    tokens.
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
    said: tuple[str, ...] = ()

    def asks_for_the_same(self, other: Begun) -> bool:
        """Whether both are loads of the same kind and the same tables, and of the same day where they are of one."""
        mine = (self.mode, self.datasets, self.keys, self.source, self.name.day if self.mode == "day" else "")
        return mine == (other.mode, other.datasets, other.keys, other.source, other.name.day if mine[-1] else "")

    def goes_with(self, later: Begun) -> bool:
        """Whether rows that are read now may join it: on a later day they may be too new for it, or of another key."""
        day = len("2026-11-20")
        return (self.begun_at[:day], self.token_key) == (later.begun_at[:day], later.token_key)


@dataclass(frozen=True, slots=True)
class Part:
    """A raw object as it lies in the bucket; `last` is the key of its last row, empty where nobody has to go on."""

    stored: LoadedObject
    last: tuple[int, ...]


class Loads:
    """The loads of one raw bucket; every method raises `TransientError` when the bucket does not answer."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def begin(self, begun: Begun, moment: datetime) -> Begun:
        """Claim the first free load id from a moment on; where the same inbox object has claimed one, take that."""
        for later in range(_CLAIMS):
            load_id = load_id_of(moment + timedelta(microseconds=later))
            claimed = replace(begun, name=LoadName(begun.name.day, load_id))
            if self._bucket.put_if_absent(claimed.name.begun_key, _document(claimed)):
                return claimed
            there = self.begun(claimed.name)
            # Or it is this very claim, put again by the client since the first answer did not come.
            if there == claimed or (begun.source and there.source == begun.source):
                return there
        raise TransientError(f"{_CLAIMS} loads have begun at {moment.isoformat()}")

    def unfinished(self, wanted: Begun) -> Begun | None:
        """The oldest load that asks for the same, has no manifest and can be gone on with, or None.

        Those that no longer can are closed with a note.
        """
        begun, finished, abandoned = self._names()
        for name in sorted(begun - finished - abandoned, key=_by_id):
            there = self.begun(name)
            if there.asks_for_the_same(wanted):
                if there.goes_with(wanted):
                    return there
                self._bucket.put_if_absent(name.abandoned_key, _document(wanted))
        return None

    def marks(self, datasets: tuple[str, ...]) -> dict[str, Mark]:
        """By dataset, what the latest finished load that promises anything says of `updated_at`."""
        found: dict[str, Mark] = {}
        _, finished, abandoned = self._names()
        for name in sorted(finished - abandoned, key=_by_id, reverse=True):
            if found.keys() >= set(datasets):
                break
            manifest = from_json(self._text(name.key), Manifest)
            for dataset, began in manifest.watermarks.items():
                newest = manifest.newest.get(dataset)
                mark = Mark(
                    name.load_id, datetime.fromisoformat(began), datetime.fromisoformat(newest) if newest else None
                )
                if dataset in datasets:
                    found.setdefault(dataset, mark)
        return found

    def part(self, raw: RawObject) -> Part | None:
        """A part that is there already, or None."""
        there = self._bucket.head(raw.key)
        if there is None:
            return None
        rows, last = int(there.metadata["rows"]), tuple(json.loads(there.metadata["last"]))
        return Part(LoadedObject(raw.dataset, raw.key, there.version_id, rows), last)

    def put_part(self, raw: RawObject, frame: pl.DataFrame, last: tuple[int, ...] = ()) -> Part:
        """Put rows as a part, and return what lies there: these rows, or those of whoever was quicker."""
        said = {"rows": str(frame.height), "last": json.dumps(last)}
        if put := self._bucket.put_if_absent(raw.key, parquet(frame), metadata=said):
            return Part(LoadedObject(raw.dataset, raw.key, put.version_id, frame.height), last)
        there = self.part(raw)
        if there is None:
            raise TransientError(f"{raw.key} was there and is gone again")
        return there

    def finish(self, manifest: Manifest) -> Manifest:
        """Put the manifest, and return the one that lies there."""
        if self._bucket.put_if_absent(manifest.name.key, _document(manifest)):
            return manifest
        return from_json(self._text(manifest.name.key), Manifest)

    def put_frame(self, key: str, frame: pl.DataFrame) -> None:
        """Put a frame that belongs to no table, unless its key is taken."""
        self._bucket.put_if_absent(key, parquet(frame))

    def kept(self, key: str, make: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """The frame of a key: the one that lies there, or one that is made and put now."""
        if (there := self.found(key)) is not None:
            return there
        self.put_frame(key, make())
        return self.frame(key)

    def found(self, key: str) -> pl.DataFrame | None:
        """A frame that `put_frame` has put, or None where there is none."""
        return self.frame(key) if key in self.keys(key) else None

    def frame(self, key: str) -> pl.DataFrame:
        """A frame that `put_frame` has put."""
        return pl.read_parquet(io.BytesIO(self._content(key)))

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, in order."""
        return [found.key for found in self._bucket.objects(prefix)]

    def finished(self) -> set[str]:
        """The ids of the loads that are finished, and were not abandoned before."""
        _, finished, abandoned = self._names()
        return {name.load_id for name in finished - abandoned}

    def _names(self) -> tuple[set[LoadName], set[LoadName], set[LoadName]]:
        """The loads that were begun, those that are finished, and those that were abandoned."""
        keys = self.keys(LOADS)
        begun, finished, abandoned = (
            {name for key in keys if (name := LoadName.of(key, ending))} for ending in (BEGUN, MANIFEST, ABANDONED)
        )
        return begun, finished, abandoned

    def begun(self, name: LoadName) -> Begun:
        """What a load that was begun is of."""
        return from_json(self._text(name.begun_key), Begun)

    def _text(self, key: str) -> str:
        return self._content(key).decode()

    def _content(self, key: str) -> bytes:
        content = self._bucket.read(key)
        if content is None:
            raise TransientError(f"{key} is not in the raw bucket {self._bucket.name}, where it was a moment ago")
        return content


def parquet(frame: pl.DataFrame) -> bytes:
    """A frame as it is stored, compressed lightly: a raw object is read about once."""
    content = io.BytesIO()
    frame.write_parquet(content, compression="zstd", compression_level=1)
    return content.getvalue()


def _document(said: Begun | Manifest) -> bytes:
    """What lies in the bucket for people to read as well."""
    return to_json(said, indent=1)


def _by_id(name: LoadName) -> str:
    return name.load_id
