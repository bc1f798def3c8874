"""Named queries in SQL as a function: a request as a JSON document, and an answer that is one.

A request has ``name``, and may have ``parameters`` (values by name), ``limit`` (rows of a page) and ``page`` (the
``next_page`` of an answer). Without a name it is answered by a list of the queries. Amounts, days and times are text in
answers, so that no digit is lost. What cannot be answered is answered by ``{"error": {"code", "message"}}``:

================== ====================================================================================
code               what is wrong
================== ====================================================================================
bad_request        the request is no document of the form above
unknown_query      there is no query of the name
unknown_parameter  the query takes no parameter of the name
missing_parameter  the query needs a parameter that is not given
bad_parameter      a value is not of the parameter's kind
limit_too_high     a page has fewer rows than were asked for
bad_page           the page is not that of an answer to this question
unknown_day        the prod set was not made as of the day
timed_out          the query took too long and was stopped
answer_too_large   the page has more bytes than a function may answer
not_available      a store did not answer: ask again
failed             the engine could not answer the query
================== ====================================================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from pipeline_assets.errors import TransientError, UserError
from pipeline_assets.queries.answer import Answer, Cell
from pipeline_assets.queries.described import described
from pipeline_assets.queries.errors import QueryError
from pipeline_assets.queries.named_query import NamedQuery
from pipeline_assets.queries.open_engine import SqlEngine
from pipeline_assets.queries.paging import AFTER, LIMIT, Page, first_page, has_places, next_page
from pipeline_assets.queries.sql import queries, query

_KEYS: Final = frozenset({"name", "parameters", "limit", "page"})
#: A function may answer 6 MB.
_MOST_BYTES: Final = 5_500_000


def answer_request(request: object, engine: SqlEngine, seconds: float | None = None) -> dict[str, Any]:
    """Answer a request.

    Parameters
    ----------
    request
        Document of any form.
    engine
        Engine that answers the query.
    seconds
        How long the query may take; as long as it takes where it is None.

    Returns
    -------
    dict[str, Any]
        A page of rows with their columns, the list of queries, or an error; of JSON's own types.
    """
    try:
        return _checked_size(_answered(_checked_form(request), engine, seconds))
    except QueryError as error:
        return error_answer(error.code, str(error))
    except TransientError as error:
        return error_answer("not_available", f"a store did not answer as it should: {error}")
    except UserError as error:
        return error_answer("failed", str(error))


def error_answer(code: str, message: str) -> dict[str, Any]:
    """The answer to a request that cannot be answered, in one line."""
    return {"error": {"code": code, "message": " ".join(message.split())}}


def answer_document(asked: NamedQuery, answer: Answer) -> dict[str, Any]:
    """An answer for a program: what was asked, the rows and what they took; amounts, days and times are text."""
    return {
        "query": asked.name,
        "parameters": {name: _json(value) for name, value in answer.parameters.items()},
        "columns": [{"name": n, "type": t} for n, t in zip(answer.columns, answer.types, strict=True)],
        "rows": [dict(zip(answer.columns, map(_json, row), strict=True)) for row in answer.rows],
        "scanned_bytes": answer.scanned_bytes,
        "seconds": round(answer.seconds, 3),
        "cost_usd": answer.cost_usd,
    }


def _json(value: Cell) -> str | int | float | bool | None:
    number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return value if value is None or number else str(value)  # type: ignore[return-value]


def _checked_form(request: object) -> Mapping[str, Any]:
    takes = "a request is a document with `name`, and may have `parameters`, `limit` and `page`"
    if not isinstance(request, Mapping):
        raise QueryError(f"{takes}.", code="bad_request")
    if strange := sorted(str(key) for key in request.keys() - _KEYS):
        raise QueryError(f"{takes}; not `{strange[0]}`.", code="bad_request")
    if not isinstance(request.get("name"), str | None):
        raise QueryError("`name` must be the name of a query.", code="bad_request")
    if not isinstance(request.get("parameters"), Mapping | None):
        raise QueryError("`parameters` must be values by name.", code="bad_request")
    if not isinstance(request.get("page"), str | None):
        raise QueryError("`page` must be the `next_page` of an answer.", code="bad_request")
    return request


def _answered(request: Mapping[str, Any], engine: SqlEngine, seconds: float | None) -> dict[str, Any]:
    name, given, token, rows = (request.get(key) for key in ("name", "parameters", "page", "limit"))
    if name is None and not request.keys() - {"name"}:
        return {"queries": [described(one) for one in queries()]}
    if name is None:
        raise QueryError("`name` must be the name of a query.", code="bad_request")
    asked = query(name)
    page = first_page(asked, given or {}, rows) if token is None else next_page(asked, token, given, rows)
    return _page_of(asked, page, engine, seconds)


def _page_of(asked: NamedQuery, page: Page, engine: SqlEngine, seconds: float | None) -> dict[str, Any]:
    """Answer of a page, with the token of the next one if there are rows for it."""
    if has_places(asked):
        # One row more tells whether there is another page.
        places = {LIMIT: page.rows + 1, AFTER: page.after}
        answer = engine.run(asked, {**page.parameters, **places}, seconds)
        rows = answer.rows
    else:
        answer = engine.run(asked, page.parameters, seconds)
        rows = answer.rows[page.after :]
    shown = Answer(
        answer.columns,
        answer.types,
        rows[: page.rows],
        answer.scanned_bytes,
        answer.seconds,
        {n: v for n, v in answer.parameters.items() if not (has_places(asked) and n in {LIMIT, AFTER})},
    )
    more = len(rows) > page.rows
    token = page.token(asked, answer.parameters, page.after + page.rows) if more else None
    return {**answer_document(asked, shown), "next_page": token}


def _checked_size(answer: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(answer, ensure_ascii=False).encode())
    if size > _MOST_BYTES:
        told = f"the page has {size:,} bytes, and a function may answer {_MOST_BYTES:,}: ask for fewer rows by `limit`."
        raise QueryError(told, code="answer_too_large")
    return answer
