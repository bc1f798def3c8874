"""What a curated object says of itself in its footer: which raw objects it is made of, what became of their rows."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace

import polars as pl

from pipeline_assets.events.outcomes import Counts
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.storage.documents import from_json

#: The name of the entry in the footer's key-value metadata.
FOOTER_KEY = "cesta"


@dataclass(frozen=True, slots=True)
class SourceAccount:
    """One raw object in a curated day.

    `rules` counts rejected rows and `warned` kept ones by the rule they broke; `unknown_dropped` names the columns that
    the contract did not keep; `refused` is the sentence that tells why the object was refused whole, empty when it was
    not.
    """

    id: str
    key: str
    version_id: str
    etag: str
    counts: Counts
    rules: dict[str, int] = field(default_factory=dict)
    warned: dict[str, int] = field(default_factory=dict)
    unknown_dropped: tuple[str, ...] = ()
    refused: str = ""

    def is_of(self, version: ObjectVersion) -> bool:
        """Whether it speaks of this version; where a bucket keeps none, of these bytes."""
        same = self.version_id == version.version_id if version.version_id else self.etag == version.etag
        return self.key == version.key and same

    def lost(self, duplicate: int, superseded: int) -> SourceAccount:
        """The same object after some of its accepted rows proved not to be the latest of their keys."""
        gone = Counts(accepted=duplicate + superseded) - Counts(duplicate=duplicate, superseded=superseded)
        return replace(self, counts=self.counts - gone)


@dataclass(frozen=True, slots=True)
class DayAccount:
    """The footer of a curated day; `fingerprint` is that of the spec by which it was made."""

    dataset: str
    day: str
    fingerprint: str
    code_version: str
    sources: tuple[SourceAccount, ...]

    @property
    def counts(self) -> Counts:
        """The rows of all its raw objects by outcome; the accepted ones are the rows of the curated object."""
        return sum((source.counts for source in self.sources), Counts())

    def source(self, version: ObjectVersion) -> SourceAccount | None:
        """The account of a raw object's version, or None where the day was made without it."""
        return next((source for source in self.sources if source.is_of(version)), None)

    @classmethod
    def of_parquet(cls, tail: bytes) -> DayAccount | None:
        """What the end of a curated object says, or None where it says nothing that this code can read."""
        try:
            return from_json(pl.read_parquet_metadata(io.BytesIO(tail))[FOOTER_KEY], cls)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, KeyError):
            return None
