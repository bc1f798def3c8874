"""Row rules of ticket files: a CSV record becomes a line or a rejection that says what was wrong, and where."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from operator import itemgetter

from pipeline_assets.csv_files.times import Times
from pipeline_assets.datasets.text import clean, clean_id, clean_name, clean_text, lost_its_digits
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.rejection import BrokenRuleError, Rejection, misshapen, rejection
from pipeline_assets.graph.ownership import Line, Quantity, TicketKey

#: The first day of history that is believed.
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
#: As many texts of a column are remembered; of the quantities, which are few, more.
_REMEMBERED = 2000
_REMEMBERED_QUANTITIES = 10_000
_SIGNED_64_BITS = struct.Struct("<q")
#: Copied for every row, which costs less than to begin anew.
_new_digest = hashlib.blake2b(digest_size=8).copy


class RowRules:
    """Turns the records of one file into lines; knows the file's header and when it arrived.

    `header` must hold the dataset's columns, in any order, others being passed over. `arrived` is the event's time,
    so that the same file gives the same outcome whenever it is read. The day of a purchase begins `day_begins` after
    midnight UTC. `crowded` are the keys of the tickets that have as many rows as a ticket may have, from earlier
    batches; whoever writes the batches keeps it.
    """

    crowded: Collection[str] = ()

    def __init__(self, header: Sequence[str], arrived: datetime, day_begins: timedelta = timedelta()) -> None:
        self._width = len(header)
        self._pick = itemgetter(*(header.index(name) for name in TICKETS.column_names))
        self._times = Times(FIRST_DAY, arrived + timedelta(days=1), day_begins=day_begins)
        self._quantities = _Quantities()
        self._tickets, self._baskets = _Texts("ticket_id", clean_id), _Texts("basket_id", clean_id)
        self._products, self._stores = _Texts("product", clean_name), _Texts("store", clean_id)
        self._categories = _Texts("category", clean_text, needed=False)
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
            ticket_id, product, basket_id, sold, category, amount, store = self._pick(fields)
            timestamp, day = self._times[sold]
            quantity = self._quantities[amount]
            ticket_id, product, basket_id = self._tickets[ticket_id], self._products[product], self._baskets[basket_id]
            category, store = self._categories[category], self._stores[store]
            if self.crowded and TicketKey(store, ticket_id, basket_id, day).text in self.crowded:
                raise BrokenRuleError("ticket_size", "ticket_id", ticket_id)
        except BrokenRuleError as broken:
            return rejection(TICKETS, number, broken, fields, day)
        if quantity > USUAL_QUANTITY:
            self._unusual += 1
        fingerprint = _fingerprint("\x1f".join(fields))
        values = (ticket_id, product, basket_id, timestamp, category, quantity, store, day, fingerprint)
        return tuple.__new__(Line, values)  # as `Line` does it, in half the time


class _Quantities(dict[str, Quantity]):
    """Looks a quantity's text up as a number; rows repeat the short ones, so these are remembered."""

    def __missing__(self, text: str) -> Quantity:
        plain = text.isdigit() and text.isascii() and len(text) <= _DIGITS
        quantity = int(text) if plain else _number(text)
        if not SMALLEST_QUANTITY <= quantity <= LARGEST_QUANTITY:
            raise BrokenRuleError("quantity_positive", "quantity", text.strip())
        if len(self) < _REMEMBERED_QUANTITIES and len(text) <= _DIGITS:
            self[text] = quantity
        return quantity


def _number(text: str) -> Decimal:
    cleaned = clean(text)
    try:
        number = Decimal(cleaned)
    except InvalidOperation:
        raise BrokenRuleError("quantity_positive", "quantity", text.strip()) from None
    if "_" in cleaned or not cleaned.isascii() or not number.is_finite():
        raise BrokenRuleError("quantity_positive", "quantity", text.strip())
    return number


class _Texts(dict[str, str]):
    """Looks a text of a column up as it is compared; rows repeat it, so it is remembered.

    A column is `needed` where every row has a value in it.
    """

    def __init__(self, column: str, cleaned: Callable[[str], str], *, needed: bool = True) -> None:
        super().__init__()
        self._column = column
        self._cleaned = cleaned
        self._needed = needed

    def __missing__(self, text: str) -> str:
        cleaned = self._cleaned(text)
        plain = cleaned.isascii() and cleaned.isprintable() and 0 < len(cleaned) <= LONGEST_KEY
        if not plain or (cleaned[0] <= "9" and lost_its_digits(cleaned)):
            self._judge(text.strip(), cleaned)
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(text) <= LONGEST_KEY:
            self[text] = cleaned
        return cleaned

    def _judge(self, text: str, cleaned: str) -> None:
        if "\x00" in cleaned:
            raise BrokenRuleError("encoding", self._column, text)
        try:
            cleaned.encode()
        except UnicodeEncodeError:
            as_bytes = text.encode("utf-8", "surrogateescape").decode("latin-1")
            raise BrokenRuleError("encoding", self._column, as_bytes) from None
        if self._needed and not cleaned:
            raise BrokenRuleError("key_present", self._column, text)
        if len(cleaned) > LONGEST_KEY:
            raise BrokenRuleError("key_length", self._column, f"{cleaned[:40]}… ({len(cleaned)} characters)")
        if self._needed and lost_its_digits(cleaned):
            raise BrokenRuleError("id_whole", self._column, text)


def _fingerprint(joined: str) -> int:
    """A 64-bit number that tells byte-identical records of a file apart from others, the same in every process."""
    digest = _new_digest()
    digest.update(joined.encode("utf-8", "surrogateescape"))
    number: int = _SIGNED_64_BITS.unpack(digest.digest())[0]
    return number
