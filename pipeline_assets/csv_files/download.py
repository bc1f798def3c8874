"""Download of an object into a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pipeline_assets.csv_files.reading import LARGEST_OBJECT, refusal
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.storage.bucket import GoneError, Storage


@contextmanager
def temporary_download(
    storage: Storage, version: ObjectVersion, budget: TimeBudget, dataset: Dataset
) -> Iterator[Path]:
    """Download an object into a temporary file of its own, which is removed afterwards.

    Parameters
    ----------
    storage
        Where the object is.
    version
        The object version.
    budget
        Time that is left; asked between chunks.
    dataset
        Dataset of the flow; its rules say why a file is refused.

    Yields
    ------
    Path
        The file.

    Raises
    ------
    RefusedFileError
        The version is too large, or is gone for good.
    TransientError
        It cannot be read now.
    """  # noqa: DOC501 - `refusal` makes the error
    if version.size > LARGEST_OBJECT:
        raise refusal(dataset, "size", version.key, f"it has {version.size} bytes")
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = Path(directory) / "object"
        try:
            check = partial(budget.check, dataset.name, version.uri)
            storage.bucket(version.bucket).download(version, path, between=check)
        except GoneError as error:
            raise refusal(dataset, "present", version.key, str(error)) from error
        yield path
