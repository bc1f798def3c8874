"""Request of a report on purchases: a tenant, a period and how much is shown, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta

from pipeline_assets.errors import UserError

#: The longest period, the most products, the first year that a purchase may be of.
MOST_DAYS, MOST_PRODUCTS, FIRST_YEAR = 366, 100, 1900
#: What a period has where it is not told, and how many products are shown then.
USUAL_DAYS, USUAL_PRODUCTS = 30, 10
#: DynamoDB takes no longer key.
_KEY_BYTES = 2_048
_SHOWN = 40


class BadRequestError(UserError):
    """A report that cannot be made as it is asked for; `parameter` is what has to be given otherwise."""

    def __init__(self, parameter: str, what: str, *, expected: str = "") -> None:
        super().__init__(what, where=parameter, expected=expected)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for.

    Parameters
    ----------
    tenant_id
        The tenant, as its purchases name it.
    desde, hasta
        First and last day, both included.
    top
        How many products are shown.
    moneda
        Currency of the purchases that count; empty where there is only one.
    """

    tenant_id: str
    desde: date
    hasta: date
    top: int = USUAL_PRODUCTS
    moneda: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, object], today: date) -> ReportRequest:
        """Read what is asked for.

        Parameters
        ----------
        parameters
            By name; without days it is the last thirty, without `desde` the thirty up to `hasta`.
        today
            The last day where none is given.

        Returns
        -------
        ReportRequest
            Checked.

        Raises
        ------
        BadRequestError
            A parameter is missing, unknown or out of range; the message names it.
        """
        # In which form it is written, `formato`, is for whoever writes it.
        names = [*(each.name for each in fields(cls)), "formato"]
        if unknown := sorted(str(name) for name in parameters if name not in names):
            raise BadRequestError(repr(unknown[0][:_SHOWN]), "there is no such parameter", expected=", ".join(names))
        tenant = _tenant(parameters.get("tenant_id"))
        hasta = _day(parameters, "hasta", today)
        desde = _day(parameters, "desde", hasta - timedelta(days=USUAL_DAYS - 1))
        if desde > hasta:
            raise BadRequestError("desde", f"{desde} comes after hasta {hasta}", expected="a day up to hasta")
        if (days := (hasta - desde).days + 1) > MOST_DAYS:
            raise BadRequestError("desde", f"the period has {days:,} days", expected=f"at most {MOST_DAYS}")
        return cls(tenant, desde, hasta, _top(parameters), _currency(parameters))


def _tenant(found: object) -> str:
    if found in (None, ""):
        raise BadRequestError("tenant_id", "it is missing", expected="the tenant of the purchases")
    try:
        if isinstance(found, str) and len(found.encode()) <= _KEY_BYTES:
            return found
    except UnicodeEncodeError:
        pass
    raise BadRequestError("tenant_id", "it is no id of a tenant", expected=f"a text of at most {_KEY_BYTES:,} bytes")


def _day(parameters: Mapping[str, object], name: str, usual: date) -> date:
    found = parameters.get(name)
    if found in (None, ""):
        return usual
    try:
        if not isinstance(found, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", found):
            raise ValueError
        day = date.fromisoformat(found)
    except ValueError:
        raise BadRequestError(name, f"{str(found)[:_SHOWN]!r} is no day", expected="a day such as 2026-11-20") from None
    if day.year < FIRST_YEAR:
        raise BadRequestError(name, f"{day} is too early", expected=f"a day from {FIRST_YEAR}-01-01 on")
    return day


def _top(parameters: Mapping[str, object]) -> int:
    found = parameters.get("top")
    if found in (None, ""):
        return USUAL_PRODUCTS
    text = str(found)
    whole = isinstance(found, int | str) and re.fullmatch(r"[0-9]{1,9}", text)
    if not whole or not 1 <= int(text) <= MOST_PRODUCTS:
        raise BadRequestError("top", f"{text[:_SHOWN]!r} is no number of products", expected=f"1 to {MOST_PRODUCTS}")
    return int(text)


def _currency(parameters: Mapping[str, object]) -> str:
    found = parameters.get("moneda")
    if found in (None, ""):
        return ""
    if not isinstance(found, str) or len(found) != len("USD") or not (found.isascii() and found.isalpha()):
        raise BadRequestError("moneda", f"{str(found)[:_SHOWN]!r} is no currency", expected="three letters such as USD")
    return found.upper()
