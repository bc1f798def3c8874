"""JSON of whoever asks, read strictly: numbers keep their digits, and what is no plain document is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from pipeline_assets.reports.refusals import InvalidRequestError

#: Bytes of a request, levels of it, digits of a number: no question needs more.
MOST_BYTES: Final = 65_536
_MOST_LEVELS, _MOST_DIGITS = 8, 40


def read_document(body: str | bytes) -> dict[str, Any]:
    """Read the JSON object of a request.

    Parameters
    ----------
    body
        What was sent.

    Returns
    -------
    dict[str, Any]
        The object; its fractions are decimals.

    Raises
    ------
    InvalidRequestError
        It is too large, no JSON, no object, too deep, or has a key twice, a number that is none or a text that is
        none.
    """
    sent = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    if len(sent) > MOST_BYTES:
        raise InvalidRequestError("body", f"{len(sent):,} bytes", f"at most {MOST_BYTES:,} bytes", too_large=True)
    try:
        document = json.loads(
            sent.decode("utf-8") or "{}",
            object_pairs_hook=_object,
            parse_float=_fraction,
            parse_int=_whole,
            parse_constant=_no_number,
        )
        too_deep = _levels(document) > _MOST_LEVELS
    except InvalidRequestError:
        raise
    except RecursionError:
        too_deep = True
    except ValueError as error:
        raise InvalidRequestError("body", f"what is no JSON: {error}", "a JSON object in UTF-8") from error
    if too_deep:
        raise InvalidRequestError("body", "a deeper nesting", f"at most {_MOST_LEVELS} levels")
    if not isinstance(document, dict):
        raise InvalidRequestError("body", document, "a JSON object")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in names if names.count(name) > 1)
        raise InvalidRequestError("body", f"the key {json.dumps(again)[:60]} twice", "each key once")
    return found


def _fraction(text: str) -> Decimal:
    if len(text) > _MOST_DIGITS:
        raise InvalidRequestError("body", f"a number of {len(text)} characters", f"at most {_MOST_DIGITS}")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise InvalidRequestError("body", f"a number of {len(text)} characters", f"at most {_MOST_DIGITS}")
    return int(text)


def _no_number(name: str) -> Any:  # noqa: ANN401 - it never returns
    raise InvalidRequestError("body", name, "numbers of JSON")


def _levels(value: object) -> int:
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if within is None else 1 + max(map(_levels, within), default=0)
