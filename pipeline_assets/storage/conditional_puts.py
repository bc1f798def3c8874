"""Putting an object only where there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Unpack

from botocore.exceptions import ClientError

from pipeline_assets.storage.answers import PutConflict, put_conflict

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectOutputTypeDef, PutObjectRequestTypeDef

#: How often, and seconds apart, to put what somebody else is putting at the same time; the client does not by itself.
_TRIES, _PAUSE = 5, 0.5


def put_if_absent(s3: S3Client, **request: Unpack[PutObjectRequestTypeDef]) -> PutObjectOutputTypeDef | None:
    """Put an object with a body of bytes and return S3's answer; None when the key is taken.

    Raises the client's error, also when others were putting one under this key all the time.
    """
    request["IfNoneMatch"] = "*"
    for left in reversed(range(_TRIES)):
        try:
            return s3.put_object(**request)
        except ClientError as error:
            conflict = put_conflict(error)
            if conflict is PutConflict.TAKEN:
                return None
            if conflict is None or not left:
                raise
            time.sleep(_PAUSE)
    return None
