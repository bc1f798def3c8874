"""Catalog of specs: the datasets of one lake, by name, as rooms that know no dataset of their own take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline_assets.datasets.spec import Dataset


@dataclass(frozen=True, slots=True)
class Catalog:
    """Datasets that one flow brings into the lake, those that others refer to first.

    Parameters
    ----------
    name
        Name of the flow, which its rejected rows lie under.
    datasets
        The specs, each with a name of its own.
    """

    name: str
    datasets: tuple[Dataset, ...]

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self.datasets)

    def __len__(self) -> int:
        return len(self.datasets)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Dataset:
        """The dataset of this name; raises KeyError naming the datasets there are."""
        if dataset := self.get(name):
            return dataset
        message = f"there is no dataset {name!r}; there are {', '.join(self.names)}"
        raise KeyError(message)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the datasets, in order."""
        return tuple(dataset.name for dataset in self.datasets)

    def get(self, name: str) -> Dataset | None:
        """The dataset of this name, or None."""
        return next((dataset for dataset in self.datasets if dataset.name == name), None)

    def having(self, changed: Dataset) -> Catalog:
        """The catalog with a dataset in place of the one of its name, or behind the others."""
        others = tuple(changed if dataset.name == changed.name else dataset for dataset in self.datasets)
        return replace(self, datasets=others if changed.name in self else (*others, changed))
