"""Parts of the files of an export: what tasks write, and the file that they are joined into.

They lie in a folder that all tasks see, or in a bucket where tasks are on many machines. A part is a whole gzip file,
and gzip files one after the other are one.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from pipeline_assets.spark.pieces import LONGEST, NamedObject
from pipeline_assets.spark.splits import task_storage
from pipeline_assets.storage.bucket import Bucket

#: Beginning of the address of a place in a bucket.
S3: Final = "s3://"
#: Beginning of the names of places for parts.
_PARTS: Final = "_parts-"


def is_of_parts(name: str) -> bool:
    """Whether an object of this name below the prefix of an export is a part, and nothing that an export made."""
    return name.startswith(_PARTS)


def sweep_parts(bucket: Bucket, prefix: str, now: datetime) -> None:
    """Delete parts that a driver left which was killed: they are older than any job may take.

    Parameters
    ----------
    bucket, prefix
        Where exports go; the prefix is empty or ends with a slash.
    now
        The time.

    Raises
    ------
    TransientError
        The bucket does not answer.
    """
    parts = bucket.objects(f"{prefix}{_PARTS}")
    bucket.delete_all([each.key for each in parts if each.modified < now - LONGEST])


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the parts of one export lie: a folder, or ``s3://bucket/prefix/``."""

    address: str

    @classmethod
    @contextmanager
    def kept(cls, address: str) -> Iterator[Parts]:
        """Make a place below an address for the parts of one export; they are gone at the end, however it ends."""
        if not address.startswith(S3):
            folder = Path(address) / f".parts-{uuid4().hex[:8]}"
            folder.mkdir()
            try:
                yield cls(str(folder))
            finally:
                shutil.rmtree(folder)
            return
        parts = cls(f"{address.rstrip('/')}/{_PARTS}{uuid4().hex[:8]}/")
        bucket, prefix = parts._bucket()
        sweep_parts(bucket, prefix.rpartition(_PARTS)[0], datetime.now(UTC))
        try:
            yield parts
        finally:
            bucket.delete_all([each.key for each in bucket.objects(prefix)])

    def put(self, file: str, path: Path) -> str:
        """Put a part of a file; returns its name. A task that is tried again puts another, and this one is not joined.

        Parameters
        ----------
        file
            Name of the file.
        path
            The part, which may be moved away.

        Returns
        -------
        str
            Its name.

        Raises
        ------
        TransientError
            The bucket does not answer.
        """
        name = f"{file}-{uuid4().hex}"
        if self.address.startswith(S3):
            bucket, prefix = self._bucket()
            bucket.put(f"{prefix}{name}", path)
        else:
            shutil.move(path, Path(self.address) / name)
        return name

    def join(self, names: Iterable[str], path: Path) -> None:
        """Stream parts into one file, in their order.

        Parameters
        ----------
        names
            Names of the parts; none make a file without rows.
        path
            The file.

        Raises
        ------
        GoneError
            A part is not there any more.
        TransientError
            The bucket does not answer.
        """
        with path.open("wb") as joined:
            joined.write(gzip.compress(b"", mtime=0))
            for name in names:
                if self.address.startswith(S3):
                    bucket, prefix = self._bucket()
                    joined.writelines(bucket.chunks(NamedObject(f"{prefix}{name}")))
                else:
                    with (Path(self.address) / name).open("rb") as part:
                        shutil.copyfileobj(part, joined)

    def _bucket(self) -> tuple[Bucket, str]:
        name, _, prefix = self.address.removeprefix(S3).partition("/")
        return task_storage().bucket(name), prefix
