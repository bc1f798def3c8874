"""What a failure of a DynamoDB table means: that it is busy, or does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pipeline_assets.errors import TransientError
from pipeline_assets.storage.answers import error_code

#: Codes to send the same again after a rest: another writer has an item in hand, or the table is throttled.
_BUSY_ERRORS = frozenset(
    {
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
    }
)


class BusyError(TransientError):
    """Another writer has an item in hand, or the table is throttled: the same may be sent again after a rest."""


@contextmanager
def transient(doing: str, store: str = "the ledger") -> Iterator[None]:
    """Turn a failure of the table into `TransientError`, and into `BusyError` where it was busy."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        message = f"{store} could not {doing}: {error}"
        raise failure_of(error)(message) from error


def failure_of(error: Exception) -> type[TransientError]:
    """Class of the error to raise for a failure: `BusyError` where the table was busy."""
    return BusyError if error_code(error) in _BUSY_ERRORS else TransientError
