"""Whether a file without rows is meant to take back what its key held, or came out empty by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.events.sources import ObjectVersion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: The name and the value of the object's user metadata that say so.
SIGN: Final = ("cesta-empty", "yes")


def is_meant_to_be_empty(s3: S3Client, version: ObjectVersion) -> bool:
    """Whether the object carries the sign; raises `TransientError` when S3 does not answer."""
    of: dict[str, Any] = {"Bucket": version.bucket, "Key": version.key}
    if version.version_id:
        of["VersionId"] = version.version_id
    elif version.etag:
        of["IfMatch"] = version.etag
    try:
        metadata = s3.head_object(**of)["Metadata"]
    except (BotoCoreError, ClientError) as error:
        message = f"S3 does not tell the metadata of {version.uri}: {error}"
        raise TransientError(message, flow="tickets", object_uri=version.uri) from error
    name, value = SIGN
    return metadata.get(name, "").strip().lower() == value
