"""An object's bytes in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipeline_assets.csv_files.reading import LARGEST_OBJECT, refused
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.storage.bucket import GoneError, Storage


@contextmanager
def downloaded(storage: Storage, version: ObjectVersion, budget: TimeBudget, dataset: Dataset) -> Iterator[Path]:
    """Download an object into a temporary file of its own, which is removed afterwards.

    Parameters
    ----------
    storage
        Where the object is.
    version
        The object version.
    budget
        The time that there is; it is looked at between chunks.
    dataset
        What the object is of: its name is that of the flow, its rules say why a file is refused.

    Yields
    ------
    Path
        The file.

    Raises
    ------
    RefusedFileError
        The version is too large, or can never be had.
    TransientError
        It cannot be read now.
    """
    if version.size > LARGEST_OBJECT:
        raise refused(dataset, "size", version.key, f"it has {version.size} bytes")
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = Path(directory) / "object"
        try:
            check = partial(budget.check, dataset.name, version.uri)
            storage.bucket(version.bucket).download(version, path, between=check)
        except GoneError as error:
            raise refused(dataset, "present", version.key, str(error)) from error
        yield path
