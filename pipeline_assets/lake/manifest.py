"""The manifest of a load: which raw objects belong to it, put into the raw bucket once all of them are there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

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

    def to_json(self) -> str:
        """The document that lies in the bucket."""
        return json.dumps({**asdict(self.name), **{k: v for k, v in asdict(self).items() if k != "name"}}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The inverse of `to_json`; raises ValueError, KeyError or TypeError for anything else."""
        document: dict[str, Any] = json.loads(text)
        return cls(
            name=LoadName(document["day"], document["load_id"]),
            mode=document["mode"],
            finished_at=document["finished_at"],
            datasets=tuple(document["datasets"]),
            objects=tuple(LoadedObject(**each) for each in document["objects"]),
            watermarks=dict(document["watermarks"]),
            newest=dict(document.get("newest", {})),
            warnings=tuple(document.get("warnings", ())),
        )
