"""Refusals of a request: which field it is about, what was given and what is allowed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from pipeline_assets.errors import UserError

_SHOWN: Final = 80


class InvalidRequestError(UserError):
    """A request that cannot be answered as it is.

    Parameters
    ----------
    field
        The field that is to be given otherwise, with the one it is in, such as ``filters.total_min``.
    given
        What was given, or a word for it.
    allowed
        What is allowed there.
    too_large
        Whether it is the size of the request.
    """

    def __init__(self, field: str, given: object, allowed: str, *, too_large: bool = False) -> None:
        self.field, self.given, self.allowed, self.too_large = field, shown(given), allowed, too_large
        super().__init__(f"{self.given} was given", where=field, expected=allowed)


def shown(value: object) -> str:
    """A value as a message has it: JSON on one line, cut off after some eighty characters, of ASCII alone."""
    text = str(value) if isinstance(value, str | Decimal) else json.dumps(value, default=str)
    plain = text.encode("ascii", "backslashreplace").decode()
    printable = "".join(each if each.isprintable() else "?" for each in plain[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}..."
