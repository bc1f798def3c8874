"""An object's bytes in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.csv_files.reading import LARGEST_OBJECT, refused
from pipeline_assets.datasets.spec import Dataset
from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion
from pipeline_assets.events.time_budget import TimeBudget
from pipeline_assets.storage.answers import refusal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

_CHUNK_BYTES = 4 << 20


@contextmanager
def downloaded(s3: S3Client, version: ObjectVersion, budget: TimeBudget, dataset: Dataset) -> Iterator[Path]:
    """The object's bytes in a temporary file of its own, which is removed afterwards.

    Raises `RefusedFileError` when the version is too large or can never be had, `TransientError` when it cannot be read
    now.
    """
    if version.size > LARGEST_OBJECT:
        raise refused(dataset, "size", version.key, f"it has {version.size} bytes")
    request: GetObjectRequestTypeDef = {"Bucket": version.bucket, "Key": version.key}
    if version.version_id:
        request["VersionId"] = version.version_id
    elif version.etag:
        request["IfMatch"] = version.etag
    with tempfile.TemporaryDirectory(prefix="cesta-") as directory:
        path = Path(directory) / "object"
        try:
            body = s3.get_object(**request)["Body"]
            with path.open("wb") as file:
                for chunk in body.iter_chunks(_CHUNK_BYTES):
                    file.write(chunk)
                    budget.check(dataset.name, version.uri)
        except (ClientError, BotoCoreError, OSError) as error:
            if found := refusal(error):
                raise refused(dataset, "present", version.key, found.reason) from error
            raise _unread(version, dataset, error) from error
        yield path


def _unread(version: ObjectVersion, dataset: Dataset, error: Exception) -> TransientError:
    return TransientError(f"{version.uri} could not be read: {error}", flow=dataset.name, object_uri=version.uri)
