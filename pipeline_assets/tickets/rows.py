"""The row rules of ticket files: a CSV record becomes a line or a rejection that says what was wrong, and where."""

from __future__ import annotations

import hashlib
import struct
import unicodedata
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from operator import itemgetter

from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.files.rejection import BrokenRuleError, Rejection, misshapen, rejection
from pipeline_assets.files.times import Times
from pipeline_assets.graph.ownership import Line, Quantity, TicketKey

#: The first day of history that is believed; the partitions of the assets begin there too.
FIRST_DAY = date(2015, 1, 1)
#: Above this a quantity is kept and counted as unusual (Complete Journey sells fuel in the tens of thousands).
USUAL_QUANTITY = 1000
#: Below this a number is noise, and would be stored as zero in the end.
SMALLEST_QUANTITY = Decimal("0.000001")
#: Far above any sale and well inside the 64-bit numbers of the graph.
LARGEST_QUANTITY = 10**12
#: Neo4j refuses index keys over about 8 kB; a name this long is a broken file, not a product.
LONGEST_KEY = 500
_DIGITS = len(str(LARGEST_QUANTITY))
#: As many texts of quantities as are remembered.
_REMEMBERED = 10_000
_SIGNED_64_BITS = struct.Struct("<q")


class RowRules:
    """Turns the records of one file into lines; knows the file's header and when it arrived.

    `header` must hold the dataset's columns, in any order, others being passed over. `arrived` is the event's time,
    so that the same file gives the same outcome whenever it is read. `crowded` are the keys of the tickets that have
    as many rows as a ticket may have, from earlier batches; whoever writes the batches keeps it.
    """

    crowded: Collection[str] = ()

    def __init__(self, header: Sequence[str], arrived: datetime) -> None:
        self._width = len(header)
        self._pick = itemgetter(*(header.index(name) for name in TICKETS.column_names))
        self._times = Times(FIRST_DAY, arrived + timedelta(days=1))
        self._quantities = _Quantities()
        self._unusual = 0

    def take_unusual(self) -> int:
        """How many lines were kept with a warning since this was last asked."""
        unusual, self._unusual = self._unusual, 0
        return unusual

    def line(self, number: int, fields: Sequence[str]) -> Line | Rejection:
        """The line a record stands for, or why there is none."""
        day = ""
        try:
            if len(fields) != self._width:
                raise misshapen(fields, self._width)
            ticket_id, product, basket_id, sold, category, amount, store = map(str.strip, self._pick(fields))
            timestamp, day = self._times[sold]
            quantity = self._quantities[amount]
            joined = "\x1f".join(fields)
            if not joined.isascii() or "\x00" in joined:
                ticket_id, basket_id = _composed("ticket_id", ticket_id), _composed("basket_id", basket_id)
                product, category = _composed("product", product), _composed("category", category)
                store = _composed("store", store)
            if not (ticket_id and product and basket_id and store):
                raise _missing_key(ticket_id, product, basket_id, store)
            if len(joined) > LONGEST_KEY:
                _refuse_long(ticket_id, product, basket_id, store, category)
            if self.crowded and TicketKey(store, ticket_id, basket_id, day).text in self.crowded:
                raise BrokenRuleError("ticket_size", "ticket_id", ticket_id)
        except BrokenRuleError as broken:
            return rejection(TICKETS, number, broken, fields, day)
        if quantity > USUAL_QUANTITY:
            self._unusual += 1
        return Line(ticket_id, product, basket_id, timestamp, category, quantity, store, day, _fingerprint(joined))


class _Quantities(dict[str, Quantity]):
    """Looks a quantity's text up as a number; rows repeat the short ones, so these are remembered."""

    def __missing__(self, text: str) -> Quantity:
        plain = text.isdigit() and text.isascii() and len(text) <= _DIGITS
        quantity = int(text) if plain else _number(text)
        if not SMALLEST_QUANTITY <= quantity <= LARGEST_QUANTITY:
            raise BrokenRuleError("quantity_positive", "quantity", text)
        if len(self) < _REMEMBERED and len(text) <= _DIGITS:
            self[text] = quantity
        return quantity


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BrokenRuleError("quantity_positive", "quantity", text) from None
    if "_" in text or not text.isascii() or not number.is_finite():
        raise BrokenRuleError("quantity_positive", "quantity", text)
    return number


def _composed(column: str, text: str) -> str:
    """One spelling for letters with accents; a NUL or a byte that was no UTF-8 cannot be spelled at all."""
    if "\x00" in text:
        raise BrokenRuleError("encoding", column, text)
    try:
        text.encode()
    except UnicodeEncodeError:
        as_bytes = text.encode("utf-8", "surrogateescape").decode("latin-1")
        raise BrokenRuleError("encoding", column, as_bytes) from None
    return unicodedata.normalize("NFC", text)


def _missing_key(ticket_id: str, product: str, basket_id: str, store: str) -> BrokenRuleError:
    keys = {"ticket_id": ticket_id, "product": product, "basket_id": basket_id, "store": store}
    return BrokenRuleError("key_present", next(name for name, value in keys.items() if not value), "")


def _refuse_long(ticket_id: str, product: str, basket_id: str, store: str, category: str) -> None:
    keys = {
        "ticket_id": ticket_id,
        "product": product,
        "basket_id": basket_id,
        "store": store,
        "category": category,
    }
    for name, value in keys.items():
        if len(value) > LONGEST_KEY:
            raise BrokenRuleError("key_length", name, f"{value[:40]}… ({len(value)} characters)")


def _fingerprint(joined: str) -> int:
    """A 64-bit number that tells byte-identical records of a file apart from others, the same in every process."""
    digest = hashlib.blake2b(joined.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    (number,) = _SIGNED_64_BITS.unpack(digest)
    return int(number)
