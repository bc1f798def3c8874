"""Features of the lake as of days, for sets that are made one after the other: each is worked out once for a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

from pipeline_assets.analytics.prod_set import Features
from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.lake.as_of import Lake, open_lake
from pipeline_assets.storage.bucket import Bucket


class DayFeatures:
    """Features as of days; those of the last one are kept for the next set.

    Parameters
    ----------
    lake
        The lake, which keeps the files of its days.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
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
def open_features(curated: Bucket, catalog: Catalog) -> Iterator[DayFeatures]:
    """Open the features of a lake for many days and sets.

    Parameters
    ----------
    curated
        Where the curated days are.
    catalog
        The specs of the curated datasets.

    Yields
    ------
    DayFeatures
        Until the block ends.
    """
    with open_lake(curated, catalog) as lake:
        features = DayFeatures(lake)
        try:
            yield features
        finally:
            features.forget()
