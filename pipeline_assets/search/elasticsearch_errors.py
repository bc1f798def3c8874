"""What the errors of Elasticsearch's client mean: whether the same may be asked again, and what the engine refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline_assets.errors import TransientError
from pipeline_assets.storage.retries import retries

if TYPE_CHECKING:
    from elasticsearch import ApiError
    from tenacity import Retrying

CONFLICT, BAD_REQUEST, TOO_LARGE, NOT_FOUND = 409, 400, 413, 404
_BUSY: Final = frozenset({429, 502, 503, 504})
#: Attempts at an engine that is overloaded, and seconds of the longest rest.
_ATTEMPTS, _LONGEST = 5, 2.0


class BusyError(TransientError):
    """The engine is overloaded: the same may be sent again after a rest."""


@contextmanager
def asking(what: str) -> Iterator[list[ApiError]]:
    """Say of an engine that does not answer that it is to be asked again.

    Parameters
    ----------
    what
        What it is asked to do.

    Yields
    ------
    list of ApiError
        Filled at the end with what the engine refused otherwise; empty if it did what it was asked.

    Raises
    ------
    BusyError
        The engine is overloaded.
    TransientError
        The engine does not answer, its certificate is not trusted, or it does not let this deployment do it.
    """
    from elasticsearch import ApiError, SerializationError, SSLError, TransportError  # noqa: PLC0415 - slow to load

    refused: list[ApiError] = []
    try:
        yield refused
    except ApiError as error:
        if error.status_code in _BUSY:
            raise BusyError(f"the engine is too busy to {what}: {error}") from error
        if error.status_code in (401, 403):
            raise TransientError(f"the engine does not let this deployment {what}: {error}") from error
        refused.append(error)
    except SerializationError as error:
        raise TransientError(f"the engine answered what is no JSON when asked to {what}: {error}") from error
    except SSLError as error:
        raise TransientError(
            f"the engine's certificate is not trusted, so it was not asked to {what}: it has to be for this host, "
            f"in date and signed by the authority that this deployment knows ({error})"
        ) from error
    except TransportError as error:
        raise TransientError(f"the engine did not answer when asked to {what}: {error}") from error


def asked_patiently() -> Retrying:
    """Attempts at something that may be sent again while the engine is overloaded."""
    return retries(BusyError, attempts=_ATTEMPTS, longest=_LONGEST)


def pass_by_absent(refused: list[ApiError]) -> None:
    """Pass by that an index is not there.

    Parameters
    ----------
    refused
        What the engine refused.

    Raises
    ------
    TransientError
        It refused something for another reason.
    """
    if refused and refused[0].status_code != NOT_FOUND:
        raise TransientError(f"the engine does not do it: {refused[0]}")
