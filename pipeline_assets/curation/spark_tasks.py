"""What tasks of Spark do for a curated day: judge a split of a raw object, and take rows out of a piece."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from pipeline_assets.curation.day import schema_of, uniform, without
from pipeline_assets.curation.judge import PartAccount, judged_part
from pipeline_assets.curation.read import DELETED, LOAD_ID, SOURCE, RawFile
from pipeline_assets.curation.rules import ROW
from pipeline_assets.curation.settle import DELETED_BY, GONE, OUTCOME
from pipeline_assets.datasets.frame_types import frame_type
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.lake.layout import RawObject
from pipeline_assets.spark.pieces import Staging
from pipeline_assets.spark.splits import Split
from pipeline_assets.storage.bucket import GoneError, WithheldError
from pipeline_assets.storage.documents import to_json

if TYPE_CHECKING:
    import pyarrow as pa

PART, TOLD = "_part", "_told"
#: What the driver is told of a split that lost rows, or whose rows were deleted by another load.
SETTLED_COLUMNS: Final = f"{SOURCE} int, {PART} int, duplicate bigint, superseded bigint, kept bigint"


@dataclass(frozen=True, slots=True)
class Told:
    """What a task tells the driver of a split.

    Parameters
    ----------
    account
        Account of its rows.
    kept, rejected
        Rows of the pieces that it has written; no piece for none.
    gone, withheld
        Why the object cannot be had, where it cannot.
    """

    account: PartAccount = field(default_factory=PartAccount)
    kept: int = 0
    rejected: int = 0
    gone: str = ""
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class DayTasks:
    """The tasks of a day.

    Parameters
    ----------
    dataset
        The spec.
    versions
        The raw objects of the day by their numbers, which are in the order of their keys.
    place
        Where the pieces go.
    """

    dataset: Dataset
    versions: tuple[ObjectVersion, ...]
    place: Staging

    @property
    def raws(self) -> tuple[RawObject, ...]:
        """The raw objects, in the same order."""
        return tuple(raw for version in self.versions if (raw := RawObject.of(version.key)))

    @property
    def load_ids(self) -> list[str]:
        """The loads of the day, in their order: a load is known by its place here."""
        return sorted({raw.load_id for raw in self.raws})

    @property
    def index(self) -> pl.Schema:
        """The columns by which rows of a key are compared, and what is told of a split in a row of its own.

        ``_source`` is the number of the object and ``_load_id`` that of the load: both compare as what they stand for.
        """
        names = dict.fromkeys((*self.dataset.key, *self.dataset.order))
        columns: dict[str, Any] = {name: frame_type(self.dataset.column(name).type) for name in names}
        places = {SOURCE: pl.Int32(), PART: pl.Int32(), LOAD_ID: pl.Int32(), DELETED: pl.Boolean(), ROW: pl.Int64()}
        return pl.Schema(columns | places | {TOLD: pl.String()})

    def judge(self, split: Split, path: Path) -> Iterator[pl.DataFrame]:
        """Judge a split: write what is kept and what is rejected as pieces, tell the driver, and give the index."""
        version, raw = self.versions[split.number], self.raws[split.number]
        first, number = (0, None) if split.whole else (split.first, split.rows)
        part = judged_part(self.dataset, RawFile(version, raw, path), first, number)
        if part.account.unread:
            yield self._telling(split, Told(part.account))
            return
        if not part.index.is_empty():
            kept = without(part.rows, part.rejected["row"])
            self.place.write(kept_name(split.number, split.part), uniform(kept, schema_of(self.dataset)))
        if not part.rejected.is_empty():
            self.place.write(rejected_name(split.number, split.part), part.rejected)
        yield self._telling(split, Told(part.account, part.index.height, part.rejected.height))
        load = self.load_ids.index(raw.load_id)
        yield part.index.with_columns(
            pl.lit(split.number, pl.Int32).alias(SOURCE),
            pl.lit(split.part, pl.Int32).alias(PART),
            pl.lit(load, pl.Int32).alias(LOAD_ID),
            pl.lit(raw.deletes).alias(DELETED),
            pl.lit(None, pl.String).alias(TOLD),
        )

    def lost(self, split: Split, error: GoneError) -> Iterator[pl.DataFrame]:
        """Tell the driver that an object cannot be had, for now or for ever."""
        withheld = isinstance(error, WithheldError)
        yield self._telling(split, Told(withheld=str(error)) if withheld else Told(gone=str(error)))

    def settle(self, changes: pa.Table) -> pa.Table:
        """Take the rows that lost out of the piece of a split, and say of others which load found them gone.

        Parameters
        ----------
        changes
            Rows of one split, as `spark_days` finds them.

        Returns
        -------
        pyarrow.Table
            One row of `SETTLED_COLUMNS`.
        """
        frame = pl.DataFrame(pl.from_arrow(changes))
        number, part = frame.row(0, named=True)[SOURCE], frame.row(0, named=True)[PART]
        lost = frame.filter(pl.col(OUTCOME) != "accepted")
        gone = frame.filter(pl.col(GONE).is_not_null() & (pl.col(OUTCOME) == "accepted"))
        loads = pl.Series(self.load_ids)
        deleted = gone.select(ROW, pl.lit(loads).gather(pl.col(GONE)).alias(DELETED_BY))
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            path = Path(directory) / "piece"
            self.place.fetch(kept_name(number, part), path)
            rows = without(pl.scan_parquet(path), lost[ROW])
            if not deleted.is_empty():
                rows = rows.drop(DELETED_BY).join(deleted.lazy(), on=ROW, how="left", maintain_order="left")
            piece = self.place.write(settled_name(number, part), uniform(rows, schema_of(self.dataset)))
        duplicate = lost.filter(pl.col(OUTCOME) == "duplicate").height
        told = {SOURCE: number, PART: part, "duplicate": duplicate, "superseded": lost.height - duplicate}
        kinds = {SOURCE: pl.Int32(), PART: pl.Int32()}
        return pl.DataFrame([{**told, "kept": piece.rows}], schema_overrides=kinds).to_arrow()

    def _telling(self, split: Split, told: Told) -> pl.DataFrame:
        row = {SOURCE: split.number, PART: split.part, TOLD: to_json(told).decode()}
        return pl.DataFrame([row], schema=self.index)


def kept_name(number: int, part: int) -> str:
    """The piece of the rows of a split that its judgement keeps."""
    return f"kept/{number:08}-{part:08}"


def rejected_name(number: int, part: int) -> str:
    """The piece of the rows of a split that are rejected."""
    return f"rejected/{number:08}-{part:08}"


def settled_name(number: int, part: int) -> str:
    """The piece of a split that had to be written anew."""
    return f"settled/{number:08}-{part:08}"
