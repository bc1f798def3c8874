"""Features of the lake as of days, for sets that are made one after the other: each is worked out once for a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import narwhals as nw

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.lake.as_of import Lake, open_lake
from pipeline_assets.storage.bucket import Bucket

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from pipeline_assets.analytics.feature_files import FeatureEngine
    from pipeline_assets.analytics.known_day import Feature, Frame
    from pipeline_assets.lake.as_of import LakeAsOf

Found = TypeVar("Found")


class Features:
    """What the models of one day read: the lake, and features of it that are worked out once.

    Parameters
    ----------
    lake
        The lake as of the day.
    files
        Features that were worked out elsewhere, each a Parquet file.
    """

    def __init__(self, lake: LakeAsOf, files: Mapping[Feature, Path] | None = None) -> None:
        self.lake = lake
        self._files = files or {}
        self._made: dict[Feature, duckdb.DuckDBPyRelation] = {}
        self._found: dict[Callable[[Features], Any], Any] = {}

    @property
    def as_of(self) -> date:
        """The day."""
        return self.lake.day

    def of(self, feature: Feature) -> nw.LazyFrame[duckdb.DuckDBPyRelation]:
        """Read a feature; the first time works it out, whichever model asks."""
        return nw.from_native(self._relation(feature))

    def row_by_row(self, rows: Frame, work: Callable[[Frame], Frame]) -> Frame:
        """Work rows out, each by itself; see `KnownDay`."""
        return work(rows)

    def arrays(self, feature: Feature) -> dict[str, np.ndarray[Any, Any]]:
        """Read a feature as one array for each column, in the order of the feature's rows."""
        return self._relation(feature).fetchnumpy()

    def once(self, find: Callable[[Features], Found]) -> Found:
        """Find something of the features; the first time works it out, whichever model asks. Nobody may change it."""
        if find not in self._found:
            self._found[find] = find(self)
        found: Found = self._found[find]
        return found

    def _relation(self, feature: Feature) -> duckdb.DuckDBPyRelation:
        if feature in self._files:
            return self.lake.connection.read_parquet(str(self._files[feature]), hive_partitioning=False)
        if feature not in self._made:
            # Asks for the features that it is made of, which take their names first.
            relation = feature(self).to_native()
            name = f"feature_{len(self._made)}"
            relation.create(name)
            self._made[feature] = self.lake.connection.table(name)
        return self._made[feature]


class DayFeatures:
    """Features as of days; those of the last one are kept for the next set.

    Parameters
    ----------
    lake
        The lake, which keeps the files of its days.
    engine
        Where features are worked out of a lake that is too large for this machine; None where none is.
    """

    def __init__(self, lake: Lake, engine: FeatureEngine | None = None) -> None:
        self.lake = lake
        self.engine = engine
        self._held = ExitStack()
        self._features: Features | None = None

    @contextmanager
    def as_of(self, day: date) -> Iterator[Features]:
        """Give the features of a day: those that were worked out for another set, if the lake still is the same.

        Parameters
        ----------
        day
            The day.

        Yields
        ------
        Features
            Of the lake as it stood when it was first listed; after an error in the block they are not used again.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        if not self._features or self._features.as_of != day or not self._features.lake.stands():
            self.forget()
            self._features = Features(self._held.enter_context(self.lake.as_of(day)))
        with ExitStack() as failed:
            failed.callback(self.forget)
            yield self._features
            failed.pop_all()

    def forget(self) -> None:
        """Let go of what is kept; the files of days stay."""
        self._features = None
        self._held.close()


@contextmanager
def open_features(curated: Bucket, catalog: Catalog, engine: FeatureEngine | None = None) -> Iterator[DayFeatures]:
    """Open the features of a lake for many days and sets.

    Parameters
    ----------
    curated
        Where the curated days are.
    catalog
        The specs of the curated datasets.
    engine
        As of `DayFeatures`.

    Yields
    ------
    DayFeatures
        Until the block ends.
    """
    with open_lake(curated, catalog) as lake:
        features = DayFeatures(lake, engine)
        try:
            yield features
        finally:
            features.forget()
