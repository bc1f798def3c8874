"""What S3, and KMS behind it, mean by an error: that an object can never be had, or that it is worth asking again.

This is the one table of it. A code that is not in it counts as passing: an event that comes again too often costs some
minutes, one that is given up wrongly costs a file. So do faults that are not the object's, such as expired credentials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Final

from botocore.exceptions import ClientError, ParamValidationError

#: A denial counts from this receive of an event on, about four minutes after the first: a permission that was just
#: given takes seconds to arrive everywhere, in bad cases minutes.
DENIED_AT_RECEIVE: Final = 8
_GONE: Final = "this version is no longer in the bucket"
_DENIED: Final = (
    "S3 denies access to it, and kept on doing so; either the role lacks s3:GetObject, s3:GetObjectVersion or "
    "kms:Decrypt, or it lacks s3:ListBucket and the version is gone"
)
_OTHER_KEY: Final = "the key that it was encrypted with"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an object can never be had as things are, after "it"; `gone` says that it is not there any more."""

    reason: str
    gone: bool = False


#: Codes of errors by which an object is given up at once.
TERMINAL: Final[Mapping[str, Refusal]] = {
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "404", "NotFound"), Refusal(_GONE, gone=True)),
    # Of an object without versions, by its etag: another one is in its place.
    **dict.fromkeys(("PreconditionFailed", "412"), Refusal(_GONE, gone=True)),
    # A version that is a delete marker.
    **dict.fromkeys(("MethodNotAllowed", "405"), Refusal("this version is a deletion and holds no file", gone=True)),
    "NoSuchBucket": Refusal("its bucket is not there"),
    "InvalidBucketName": Refusal("no bucket can be called like its bucket"),
    "NoSuchAccessPoint": Refusal("the access point it was announced by is not there"),
    **dict.fromkeys(
        ("InvalidObjectState", "ObjectNotInActiveTierError"),
        Refusal("it is archived: restore it (S3 RestoreObject), then replay it"),
    ),
    "InvalidRequest": Refusal("S3 cannot give it out as it was stored, with a key of the sender's own (SSE-C) perhaps"),
    "InvalidArgument": Refusal("S3 knows no version of such an id"),
    "KeyTooLongError": Refusal("its key is longer than the 1,024 bytes of S3"),
    "InvalidURI": Refusal("S3 cannot read its key"),
    **dict.fromkeys(("AllAccessDisabled", "InvalidPayer"), Refusal("all access to it was disabled")),
    **dict.fromkeys(
        ("PermanentRedirect", "IllegalLocationConstraintException"), Refusal("its bucket is in another region")
    ),
    "KMS.DisabledException": Refusal(f"{_OTHER_KEY} is disabled: enable it, then replay the file"),
    "KMS.NotFoundException": Refusal(f"{_OTHER_KEY} does not exist any more"),
    **dict.fromkeys(
        ("KMS.KMSInvalidStateException", "KMS.InvalidStateException"),
        Refusal(f"{_OTHER_KEY} waits for its deletion, or is in another state without use"),
    ),
    **dict.fromkeys(
        ("KMS.InvalidKeyUsageException", "KMS.InvalidCiphertextException", "KMS.IncorrectKeyException"),
        Refusal(f"{_OTHER_KEY} does not open it"),
    ),
}
#: Codes of denials, which may pass: see `DENIED_AT_RECEIVE`.
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "KMS.AccessDeniedException", "Forbidden", "403"})


class PutConflict(Enum):
    """Why a conditional put was not done."""

    TAKEN = "another object is there"
    BUSY = "somebody else is putting one at this moment"


_CONFLICTS: Final[Mapping[str, PutConflict]] = {
    **dict.fromkeys(("PreconditionFailed", "412"), PutConflict.TAKEN),
    **dict.fromkeys(("ConditionalRequestConflict", "OperationAborted", "409"), PutConflict.BUSY),
}

_receives: ContextVar[int] = ContextVar("receives", default=1)


@contextmanager
def received(times: int) -> Iterator[None]:
    """Let what is done inside know that its event was received so often; where nobody says so, it is the first time."""
    token = _receives.set(times)
    try:
        yield
    finally:
        _receives.reset(token)


def refusal(error: Exception) -> Refusal | None:
    """Why the object that was asked for is given up, or None where the error may pass."""
    if isinstance(error, ParamValidationError):
        return Refusal("no object of S3 can have such a bucket, key or version")
    code = error_code(error)
    if code in DENIED:
        return Refusal(_DENIED) if _receives.get() >= DENIED_AT_RECEIVE else None
    return TERMINAL.get(code)


def is_gone(error: Exception) -> bool:
    """Whether the object or the version that was asked for is not there."""
    found = refusal(error)
    return found is not None and found.gone


def put_conflict(error: Exception) -> PutConflict | None:
    """What a conditional put met, or None for any other error."""
    return _CONFLICTS.get(error_code(error))


def error_code(error: Exception) -> str:
    """The code of an error of a cloud's service; empty for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
