"""Pages of an answer: a query whose list has places is asked for each page, the answer of any other is cut.

A page's token says where the next one begins and what was asked, with the day that stood for the newest: so all pages
are of one day, whatever is made meanwhile. It holds nothing that whoever has it could not ask for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.parameters import Value

#: Rows of a page where nothing is said, and at most.
USUAL_ROWS, MOST_ROWS = 100, 1000
#: The parameters by which a query of places is asked for a page.
LIMIT, AFTER = "limit", "after"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an answer.

    Parameters
    ----------
    rows
        Most rows of it, from 1 to `MOST_ROWS`.
    after
        How many rows of the answer come before it.
    parameters
        Values of the parameters that are given, but for those of the page.
    asked
        Fingerprint of the parameters as they were given for the first page.
    """

    rows: int
    after: int
    parameters: Mapping[str, Value]
    asked: str

    def token(self, asked: NamedQuery, parameters: Mapping[str, object], after: int) -> str:
        """Name the page that follows.

        Parameters
        ----------
        asked
            Query that was answered.
        parameters
            Values that it was answered with.
        after
            How many rows come before the next page.

        Returns
        -------
        str
            Token for the next request, of letters, digits, ``-``, ``_`` and ``=``.
        """
        kept = {name: value for name, value in parameters.items() if not (has_places(asked) and name in {LIMIT, AFTER})}
        document = {"query": asked.name, "parameters": kept, "asked": self.asked, "after": after}
        return base64.urlsafe_b64encode(json.dumps(document, default=str).encode()).decode()


def has_places(asked: NamedQuery) -> bool:
    """Tell whether the list of a query has places, from any of which on it can be asked."""
    return {LIMIT, AFTER} <= {parameter.name for parameter in asked.parameters}


def first_page(asked: NamedQuery, given: Mapping[str, object], rows: object) -> Page:
    """Check what is asked for the first page of an answer.

    Parameters
    ----------
    asked
        Query to ask.
    given
        Values of parameters, of a JSON document.
    rows
        Most rows of a page; None for the usual number.

    Returns
    -------
    Page
        The first page.

    Raises
    ------
    QueryError
        A parameter is unknown or of the wrong kind, or the rows are too many or no number.
    """
    if has_places(asked) and (own := [name for name in (LIMIT, AFTER) if name in given]):
        told = f"`{own[0]}` is no parameter here: `limit` and `page` stand beside `parameters`."
        raise QueryError(told, code="unknown_parameter")
    return Page(_rows(rows), 0, asked.from_json(given), _fingerprint(given))


def next_page(asked: NamedQuery, token: object, given: Mapping[str, object] | None, rows: object) -> Page:
    """Read the token of a page that follows another.

    Parameters
    ----------
    asked
        Query to ask.
    token
        Token of the page.
    given
        Values of parameters as for the first page; None where they are not given again.
    rows
        Most rows of a page; None for the usual number.

    Returns
    -------
    Page
        The page that the token names.

    Raises
    ------
    QueryError
        The token is none, or that of another question; or the rows are too many or no number.
    """
    refused = QueryError("`page` is not the `next_page` of an answer to this question.", code="bad_page")
    try:
        document = json.loads(base64.b64decode(str(token), altchars=b"-_", validate=True))
        after, fingerprint, parameters = document["after"], document["asked"], document["parameters"]
        known = document["query"] == asked.name and isinstance(after, int) and 0 < after < 2**31
        page = Page(_rows(rows), after, asked.from_json(parameters), str(fingerprint))
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise refused from error
    if not known or (given is not None and _fingerprint(given) != page.asked):
        raise refused
    return page


def _rows(rows: object) -> int:
    if rows is None:
        return USUAL_ROWS
    if isinstance(rows, int) and not isinstance(rows, bool) and 1 <= rows <= MOST_ROWS:
        return rows
    too_many = isinstance(rows, int) and not isinstance(rows, bool) and rows > MOST_ROWS
    told = f"`limit` must be a whole number from 1 to {MOST_ROWS}, not {rows!r}."
    raise QueryError(told, code="limit_too_high" if too_many else "bad_parameter")


def _fingerprint(given: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()[:16]
