"""Where the objects of the lake lie, and back from a key to what it holds.

======================================================= =============================================================
key                                                     what it holds
======================================================= =============================================================
raw: ``<dataset>/load=<day>/<load id>-<part>.parquet``  rows as exported; parts count from 0001
raw: ``<dataset>/load=<day>/<load id>-deleted.parquet`` keys of rows that the source no longer has
raw: ``_loads/load=<day>/<load id>.begun``              that a load was begun, and what it is of
raw: ``_loads/load=<day>/<load id>.abandoned``          that nobody goes on with it: another took its place
raw: ``_loads/load=<day>/<load id>.json``               the manifest of a load, put when it is complete
raw: ``_keys/<dataset>/<load id>.parquet``              every key of a table, with its time of change, as of a load
raw: ``_keys/recent/<dataset>/<load id>.parquet``       the same of what was changed lately
curated: ``<dataset>/date=<day>/part.parquet``          all that was loaded on a day, one row per key
curated: ``_loads/load=<day>/<load id>.json``           the completion marker: every object of the load is curated
curated: ``_requests/curated/<dataset>/<day>/<id>.json`` an object whose day is too large for the function
curated: ``_requests/prod/<set>/<day>/<version>.json``  a set for which the lake is too large for the function
curated: ``_staging/...``                               pieces of objects that a job of Spark is at
quarantine: ``<flow>/dataset=<dataset>/date=<day>/<receipt id>.parquet`` rejected rows of one raw object
======================================================= =============================================================

A load id is the UTC time at which the load began, ``20261121T191500123456Z``: later loads compare greater as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipeline_assets.events import names

DELETED = "deleted"
LOADS = names.LOADS
KEYS = names.KEYS
#: How the keys of what is known of a load end.
BEGUN, ABANDONED, MANIFEST = ".begun", ".abandoned", ".json"
_LOAD_ID = r"\d{8}T\d{12}Z"
_OBJECT = re.compile(rf"([a-z][a-z0-9_]*)/load=(\d{{4}}-\d\d-\d\d)/({_LOAD_ID})-(\d{{4,}}|{DELETED})\.parquet")
_LOAD = re.compile(rf"{LOADS}load=(\d{{4}}-\d\d-\d\d)/({_LOAD_ID})")


def load_id_of(moment: datetime) -> str:
    """The id of a load that begins at a moment, which knows its zone."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}Z"


@dataclass(frozen=True, slots=True)
class RawObject:
    """A raw object by its key: `part` is its number with at least four digits, or ``deleted``."""

    dataset: str
    day: str
    load_id: str
    part: str

    @property
    def key(self) -> str:
        """Its key in the raw bucket."""
        return f"{self.dataset}/load={self.day}/{self.load_id}-{self.part}.parquet"

    @property
    def deletes(self) -> bool:
        """Whether it holds keys of rows that are gone, instead of rows."""
        return self.part == DELETED

    @classmethod
    def of(cls, key: str) -> RawObject | None:
        """The raw object that a key names, or None when it names none."""
        found = _OBJECT.fullmatch(key)
        return cls(*found.groups()) if found and _is_day(found[2]) else None


@dataclass(frozen=True, slots=True)
class LoadName:
    """A load by its day and id; manifest and marker have the same key, each in its own bucket."""

    day: str
    load_id: str

    @property
    def key(self) -> str:
        """The key of its manifest in the raw bucket, and of its marker in the curated one."""
        return f"{self._stem}{MANIFEST}"

    @property
    def began(self) -> datetime:
        """When the load began, as its id says."""
        return datetime.strptime(self.load_id, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)

    @property
    def begun_key(self) -> str:
        """The key in the raw bucket of what says that it was begun."""
        return f"{self._stem}{BEGUN}"

    @property
    def abandoned_key(self) -> str:
        """The key in the raw bucket of what says that nobody goes on with it."""
        return f"{self._stem}{ABANDONED}"

    @property
    def _stem(self) -> str:
        return f"{LOADS}load={self.day}/{self.load_id}"

    @classmethod
    def of(cls, key: str, ending: str = MANIFEST) -> LoadName | None:
        """The load whose manifest or marker, or note of another ending, a key names; None when it names none."""
        found = _LOAD.fullmatch(key.removesuffix(ending)) if key.endswith(ending) else None
        return cls(*found.groups()) if found and _is_day(found[1]) else None


def is_bookkeeping(key: str) -> bool:
    """Whether a key of the raw bucket is a note that exports make for each other: no rows, no manifest."""
    return key.startswith(KEYS) or (key.startswith(LOADS) and key.endswith((BEGUN, ABANDONED)))


def raw_prefix(dataset: str, day: str) -> str:
    """What the keys of a day's raw objects begin with."""
    return f"{dataset}/load={day}/"


def curated_days(dataset: str) -> str:
    """What the keys of a dataset's curated days begin with."""
    return f"{dataset}/date="


def curated_key(dataset: str, day: str) -> str:
    """The key of a day's curated object."""
    return f"{curated_days(dataset)}{day}/part.parquet"


def key_snapshot(dataset: str, load_id: str) -> str:
    """The key of the snapshot of all keys of a table."""
    return f"{key_snapshots(dataset)}{load_id}.parquet"


def key_snapshots(dataset: str) -> str:
    """What the keys of the snapshots of a table begin with."""
    return f"{KEYS}{dataset}/"


def recent_versions(dataset: str, load_id: str) -> str:
    """The key of what was changed lately in a table, as of a load."""
    return f"{recent_prefix(dataset)}{load_id}.parquet"


def recent_prefix(dataset: str) -> str:
    """What the keys of what was changed lately in a table begin with."""
    return f"{KEYS}recent/{dataset}/"


def load_id_in(key: str) -> str:
    """The load of which a snapshot, or what was changed lately, is."""
    return key.rpartition("/")[2].removesuffix(".parquet")


def quarantine_prefix(flow: str, dataset: str, day: str) -> str:
    """What the keys of a day's rejected rows begin with.

    Parameters
    ----------
    flow
        Name of the flow.
    dataset
        Name of the dataset.
    day
        The load day, ISO.

    Returns
    -------
    str
        Beginning of the keys, with a slash at its end.
    """
    return f"{flow}/dataset={dataset}/date={day}/"


def _is_day(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False
