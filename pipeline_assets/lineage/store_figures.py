"""What the store behind an asset says of a partition, for figures that the ledger does not have.

A run of the asset and the bridge ask the same function, so that their events have the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from pipeline_assets.errors import TransientError

if TYPE_CHECKING:
    from logging import Logger

    from pipeline_assets.lineage.bridge import Place

#: Metadata by name.
Figures = Mapping[str, dg.MetadataValue[Any] | int | float | str]
NO_FIGURES: Final[Figures] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StoreSays:
    """What a store says of a partition: metadata by name, and a sentence in place of that of the rows, if any."""

    figures: Figures = field(default_factory=dict)
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class StoreFigures:
    """Figures of an asset that its store knows.

    Parameters
    ----------
    flow
        Name of the flow whose bridge shows the asset.
    asset
        Key of the asset, with slashes.
    resource
        Key of the resource that opens the store.
    read
        What the opened store says of a partition, which is empty for an asset without partitions; raises
        `TransientError`.
    in_rows
        Whether receipts count rows of the asset; if not, its events have no figures of rows.
    """

    flow: str
    asset: str
    resource: str
    read: Callable[[Any, str], StoreSays]
    in_rows: bool = True


class StoreReader:
    """Reads figures of places in one tick, and opens each store once; one that does not answer is left alone."""

    def __init__(self, known: Sequence[StoreFigures], resources: object, log: Logger, opened: ExitStack) -> None:
        self._known = {figures.asset: figures for figures in known}
        self._resources = resources
        self._log = log
        self._stack = opened
        self._opened: dict[str, Any] = {}

    def in_rows(self, place: Place) -> bool:
        """Whether receipts count rows of a place."""
        return place.asset not in self._known or self._known[place.asset].in_rows

    def read(self, place: Place) -> StoreSays:
        """What its store says of a place; nothing where there is none, or where it does not answer."""
        figures = self._known.get(place.asset)
        if figures is None or self._opened.get(figures.resource, self) is None:
            return StoreSays()
        try:
            if figures.resource not in self._opened:
                resource = getattr(self._resources, figures.resource)
                self._opened[figures.resource] = self._stack.enter_context(resource.open())
            return figures.read(self._opened[figures.resource], place.partition)
        except TransientError as error:
            self._opened[figures.resource] = None
            self._log.warning("%s is shown without the figures of its store: %s", place, error)
            return StoreSays()


@contextmanager
def store_reader(known: Sequence[StoreFigures], resources: object, log: Logger) -> Iterator[StoreReader]:
    """Open a reader for one tick; what it opened is closed at the end.

    Parameters
    ----------
    known
        Figures that it may be asked for.
    resources
        Resources of the tick, as attributes.
    log
        Takes a warning where a store does not answer.

    Yields
    ------
    StoreReader
        Has opened nothing yet.
    """
    with ExitStack() as opened:
        yield StoreReader(known, resources, log, opened)
