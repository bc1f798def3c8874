"""Query log: a line for each search, without card numbers and without the name of whoever asked.

The lines of a day become the dataset ``query_log`` of the lake, from which the Retail Copilot learns what people ask.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.privacy.cards import without_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb.client import DynamoDBClient

#: Longest text of a line, as the dataset has it.
LONGEST_TEXT: Final = 4_000
#: Days that a line is kept here; the lake has it from the next day on.
KEPT_DAYS: Final = 35
_DAY_SECONDS: Final = 86_400
_IDS: Final = 2**53
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AskedQuery:
    """Search that was answered.

    Parameters
    ----------
    tenant
        Whose documents were searched.
    asked_by
        Keyed token of the caller.
    text
        What was typed.
    seconds
        How long the answer took.
    results
        How many documents were found, on all pages.
    """

    tenant: str
    asked_by: str
    text: str
    seconds: float
    results: int


@dataclass(frozen=True, slots=True)
class AskedTable:
    """Table of what was asked.

    Parameters
    ----------
    client
        Client of DynamoDB.
    name
        Name of the table: partition key ``day``, sort key ``asked``.
    """

    client: DynamoDBClient
    name: str


@dataclass(frozen=True, slots=True)
class QueryLog:
    """Log of what was asked, which is never in the way of an answer.

    Parameters
    ----------
    opened
        Opens its table, when a line is to be written; it may fail.
    """

    opened: Callable[[], AskedTable]

    def record(self, query: AskedQuery) -> bool:
        """Write the line of a search; whatever fails is logged and raised to nobody, since the answer does not need it.

        Parameters
        ----------
        query
            The search.

        Returns
        -------
        bool
            Whether there is a line; a search without a text has none.
        """
        try:
            if not (text := logged_text(query.text)):
                return False
            table = self.opened()
            table.client.put_item(TableName=table.name, Item=_line(query, text))
        except Exception as error:  # noqa: BLE001 - an answer is worth more than its line in the log
            # The error itself may quote the text.
            _log.warning("a search has no line in the query log: %s", type(error).__name__)
            return False
        return True


def logged_text(typed: str) -> str:
    """What was typed as it may be kept.

    Parameters
    ----------
    typed
        Any text.

    Returns
    -------
    str
        At most 4,000 characters of it, none of them a lone surrogate, numbers of persons masked; it is masked before it
        is cut, so that no part of a number is left at its end.
    """
    readable = typed.encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")
    return without_numbers(readable).strip()[:LONGEST_TEXT]


def _line(query: AskedQuery, text: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    query_id = secrets.randbelow(_IDS) + 1
    return {
        "day": {"S": now.date().isoformat()},
        "asked": {"S": f"{now.isoformat(timespec='microseconds')}#{query_id}"},
        "query_id": {"N": str(query_id)},
        "asked_at": {"S": now.isoformat(timespec="milliseconds")},
        "asked_by": {"S": query.asked_by},
        "system": {"S": f"search:{query.tenant}"},
        "text": {"S": text},
        "seconds": {"N": f"{query.seconds:.3f}"},
        "results": {"N": str(query.results)},
        "expires_at": {"N": str(int(time.time()) + KEPT_DAYS * _DAY_SECONDS)},
    }
