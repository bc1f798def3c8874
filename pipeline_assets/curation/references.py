"""Whether what a curated day refers to is there: values that are no key of another dataset as of the same day."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipeline_assets.curation.stores import CurationStores
from pipeline_assets.datasets.spec import Dataset, References
from pipeline_assets.events.stored_objects import current_versions
from pipeline_assets.lake.layout import curated_days, curated_key
from pipeline_assets.storage.bucket import GoneError

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Dangling:
    """Rows of a day whose `column` names no key of the other dataset; the first few of the values are `shown`."""

    day: str
    reference: References
    rows: int
    shown: tuple[str, ...]


class Keys:
    """The keys of the curated datasets as of a day, read once per day and dataset."""

    def __init__(self, stores: CurationStores) -> None:
        self._stores = stores
        self._read: dict[str, pl.Series | None] = {}

    def dangling(self, dataset: Dataset, day: str) -> list[Dangling]:
        """What a day refers to in vain; rows that refer to nothing and deleted rows do not count."""
        columns = sorted({reference.column for reference in dataset.references})
        rows = self._columns(curated_key(dataset.name, day), columns)
        if rows is None:
            return []
        found = []
        for reference in dataset.references:
            values = rows.get_column(reference.column).drop_nulls()
            lost = values.filter(~values.is_in(self._until(reference.dataset, day).implode()))
            if lost.len():
                shown = tuple(map(str, lost.unique(maintain_order=True).head(_SHOWN)))
                found.append(Dangling(day, reference, lost.len(), shown))
        return found

    def _until(self, name: str, day: str) -> pl.Series:
        """The keys of all days up to a day, those of deleted rows included: what was referred to had been there."""
        key = self._stores.catalog[name].key[0]
        series = []
        for place in (found.key for found in self._stores.curated.objects(curated_days(name))):
            if place > curated_key(name, day):
                break
            if place not in self._read:
                frame = self._columns(place, [key], deleted=True)
                self._read[place] = None if frame is None else frame.get_column(key).unique()
            keys = self._read[place]
            if keys is not None:
                series.append(keys)
        return pl.concat(series) if series else pl.Series(key, [], dtype=pl.Int64)

    def _columns(self, place: str, columns: list[str], *, deleted: bool = False) -> pl.DataFrame | None:
        current = [each for each in current_versions(self._stores.curated, place) if each.key == place]
        if not current:
            return None
        with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
            path = Path(directory) / "part.parquet"
            try:
                self._stores.curated.download(current[0], path)
            except GoneError:
                return None
            rows = pl.scan_parquet(path)
            return (rows if deleted else rows.filter(~pl.col("_deleted"))).select(columns).collect()
