"""The shape of a prod set: its tables, and the models that make them of the lake as of a day.

A declaration names its models by their addresses, and a model imports scikit-learn and scipy within its functions:
whoever lists the sets, as Dagster does with every process, pays for no library that it does not call.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import Dataset

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from pipeline_assets.analytics.day_features import Features
    from pipeline_assets.analytics.known_day import Feature

#: Rows of a table: an array for each column, or a relation of the connection that the lake is read by.
Rows: TypeAlias = "Mapping[str, np.ndarray[Any, Any]] | duckdb.DuckDBPyRelation"


@dataclass(frozen=True, slots=True)
class Score:
    """Score of a model on what it had not seen, beside that of its naive baseline.

    Parameters
    ----------
    name
        What is measured.
    value, baseline
        Score of the model, and of the baseline.
    lower_is_better
        Whether it is an error.
    """

    name: str
    value: float
    baseline: float
    lower_is_better: bool = False

    @property
    def beats(self) -> bool:
        """Whether the model is at least as good as its baseline."""
        return self.value <= self.baseline if self.lower_is_better else self.value >= self.baseline


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the things that a table is about are in it, and how many the lake has."""

    things: str
    found: int
    known: int


@dataclass(frozen=True, slots=True)
class Made:
    """Rows of one table.

    Parameters
    ----------
    rows
        An array for each column of the table's spec, or a relation with these columns; None where there is none.
    note
        What people have to know of them, in whole sentences: why there are none, what was left out.
    scores
        How good the model behind them is.
    coverage
        Whether all that it should speak of is in it.
    """

    rows: Rows | None
    note: str = ""
    scores: tuple[Score, ...] = ()
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A model: one function, and the specs of the tables that it fills.

    Parameters
    ----------
    tables
        Specs of its tables; a column says in `derived_from` what it is made of.
    make
        Makes the rows of each of these tables, by their names; or the address of what does, ``package.module:name``.
        By the address a declaration imports nothing of its model: whoever asks for the tables has no library for it.
    reads
        Addresses of the features that it reads, ``package.module:name``: either engine works these out. What else it
        reads is worked out on the machine that it runs on.
    """

    tables: tuple[Dataset, ...]
    make: Callable[[Features], Mapping[str, Made]] | str
    reads: tuple[str, ...] = ()

    @property
    def function(self) -> Callable[[Features], Mapping[str, Made]]:
        """What makes the rows, imported if it is told by its address."""
        found: Callable[[Features], Mapping[str, Made]] = (
            pkgutil.resolve_name(self.make) if isinstance(self.make, str) else self.make
        )
        return found


@dataclass(frozen=True, slots=True)
class ProdSet:
    """One of the sets that people query.

    Parameters
    ----------
    name
        Name of the set, with hyphens; its bucket and its crawler are named after it.
    title, description, owner
        What people call it, what is in it, and the team that answers for it.
    inputs
        Names of the curated datasets that it is made of.
    models
        Its models; each fills tables of its own.
    """

    name: str
    title: str
    description: str
    owner: str
    inputs: tuple[str, ...]
    models: tuple[Model, ...] = field(repr=False)

    @property
    def asset(self) -> str:
        """Key of its asset, with slashes."""
        return f"prod/{self.name}"

    @property
    def features(self) -> dict[str, Feature]:
        """The features that its models read, by their names."""
        addresses = dict.fromkeys(address for model in self.models for address in model.reads)
        return {address.partition(":")[2]: pkgutil.resolve_name(address) for address in addresses}

    @property
    def tables(self) -> Catalog:
        """Specs of all its tables, as a catalog of the set's name."""
        return Catalog(self.name, tuple(table for model in self.models for table in model.tables))
