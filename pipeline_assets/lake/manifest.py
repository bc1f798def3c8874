"""The manifest of a load: which raw objects belong to it, put into the raw bucket once all of them are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import LoadName

#: full: every row of each table; incremental: what changed since the last load; day: what changed on the load day;
#: inbox: one file that somebody else delivered.
LoadMode = Literal["full", "incremental", "day", "inbox"]


@dataclass(frozen=True, slots=True)
class LoadedObject:
    """One raw object of a load.

    Parameters
    ----------
    dataset
        Its dataset.
    key, version_id
        Which object it is; no version id in a bucket without versions.
    rows
        How many rows were written into it.
    """

    dataset: str
    key: str
    version_id: str
    rows: int

    def receipt_id(self, bucket: str) -> str:
        """The id of its receipt, by the name of the bucket that it is in."""
        return ObjectVersion(bucket, self.key, self.version_id, "", 0, "", "").id


@dataclass(frozen=True, slots=True)
class Manifest:
    """Manifest of one load.

    Parameters
    ----------
    name
        The load.
    mode
        What it is a load of.
    finished_at
        When it was complete, ISO-8601 UTC.
    datasets
        Those that were looked at, also where they had no row and hence have no object.
    objects
        Its raw objects.
    watermarks
        By dataset, when the load began by the source's clock, as ISO-8601 UTC: the next incremental load starts there,
        less a lag. The loads of a day or of an inbox file have none.
    newest
        The newest `updated_at` that a table had then, by dataset.
    warnings
        What people have to know of the source, in whole sentences without a value of a row.
    """

    name: LoadName
    mode: LoadMode
    finished_at: str
    datasets: tuple[str, ...]
    objects: tuple[LoadedObject, ...]
    watermarks: dict[str, str]
    newest: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
