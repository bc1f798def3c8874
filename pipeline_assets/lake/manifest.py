"""The manifest of a load: which raw objects belong to it, put into the raw bucket once all of them are there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pipeline_assets.lake.layout import LoadName

#: full: every row of each table; incremental: what changed since the last load; day: what changed on the load day;
#: inbox: one file that somebody else delivered.
LoadMode = Literal["full", "incremental", "day", "inbox"]


@dataclass(frozen=True, slots=True)
class LoadedObject:
    """One raw object of a load; `version_id` is empty in a bucket without versions."""

    dataset: str
    key: str
    version_id: str
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One load.

    `datasets` are those that were looked at, also where they had no row and hence have no object. `watermarks` are, by
    dataset, the greatest `updated_at` that the next incremental load may rely on, as ISO-8601 UTC; the loads of a day
    or of an inbox file promise none. `newest` is the newest that a table had then; `warnings` are what people have to
    know of the source, in whole sentences without a value of a row.
    """

    name: LoadName
    mode: LoadMode
    finished_at: str
    datasets: tuple[str, ...]
    objects: tuple[LoadedObject, ...]
    watermarks: dict[str, str]
    newest: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
