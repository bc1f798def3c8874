"""Attributes of an item as a record of a stream has them, read as what they are or told as what they are instead.

Types are strict: a price is a number (``N``), never a text that looks like one. Numbers are exact: DynamoDB keeps 38
digits, and none of them is lost here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, Literal

from pipeline_assets.datasets.spec import Rule
from pipeline_assets.events.rejection import RejectedChange
from pipeline_assets.events.stream_records import BY_HAND, Image, StreamRecord
from pipeline_assets.privacy.cards import Where, without_numbers

EventName = Literal["INSERT", "MODIFY", "REMOVE"]
EVENT_NAMES: Final[tuple[EventName, ...]] = ("INSERT", "MODIFY", "REMOVE")
_EVENTS: Final[dict[str, EventName]] = {name: name for name in EVENT_NAMES}

_EVENT_SOURCE = "aws:dynamodb"
#: DynamoDB's own range of numbers; a text that Python reads as a number may be anything.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_NUMBER: Final = re.compile(r"-?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MOST_EXPONENT, _DIGITS = 130, 38
_EXACT: Final = Context(prec=1_000)
_TYPES: Final = {
    "S": "a text (S)",
    "N": "a number (N)",
    "B": "bytes (B)",
    "BOOL": "a boolean (BOOL)",
    "NULL": "a null (NULL)",
    "M": "a map (M)",
    "L": "a list (L)",
    "SS": "a set of texts (SS)",
    "NS": "a set of numbers (NS)",
    "BS": "a set of bytes (BS)",
}
_NULL: Final = {"NULL": True}
_SHOWN, _KEPT_CHARACTERS = 200, 100_000


class UnexpectedError(Exception):
    """What was found, where it is none of what a rule of the dataset expects."""

    def __init__(self, rule: str, attribute: str, found: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.attribute = attribute
        self.found = found


def rejected_change(
    record: StreamRecord, rule: Rule, unexpected: UnexpectedError, keys: Collection[str]
) -> RejectedChange:
    """Rejection of a record by a rule, with a reason for people.

    Parameters
    ----------
    record
        The record.
    rule
        The rule that it broke.
    unexpected
        What was found, and where.
    keys
        Names of the key attributes, which stay as they are, since they name the item.

    Returns
    -------
    RejectedChange
        With both images, numbers of cards masked.
    """
    attribute = f", attribute {unexpected.attribute}" if unexpected.attribute else ""
    number = record.sequence_number.lstrip("0")
    return RejectedChange(
        sequence_number=number,
        event_name=record.event_name,
        keys=_masked(record.keys, keys),
        old=None if record.old is None else _masked(record.old, keys),
        new=None if record.new is None else _masked(record.new, keys),
        rule=rule.name,
        reason=f"record {number}{attribute}: found {unexpected.found}, expected {rule.expected}",
        event_id=record.event_id,
        region=record.region,
        at=record.at,
    )


def event_name_of(record: StreamRecord, table: str) -> EventName:
    """What happened to the item of a record of a table.

    Parameters
    ----------
    record
        The record.
    table
        Name of the table; any where it is empty.

    Returns
    -------
    EventName
        One of `EVENT_NAMES`.

    Raises
    ------
    UnexpectedError
        It is a record of something else, or of no such event.
    """
    if record.event_source not in ("", _EVENT_SOURCE):
        raise UnexpectedError("of_this_table", "", f"one of {shown(record.event_source)}")
    if table and record.stream != BY_HAND:
        name = _table_of(record.stream)
        if name != table:
            raise UnexpectedError("of_this_table", "", f"one of the table {shown(name)}")
    found = _EVENTS.get(record.event_name)
    if found is None:
        raise UnexpectedError("event_name", "", shown(record.event_name))
    return found


@lru_cache(maxsize=64)
def _table_of(stream: str) -> str:
    return stream.partition("/stream/")[0].rpartition(":table/")[2]


def image_of(record: StreamRecord, event_name: EventName) -> Image:
    """The image that tells the change.

    Parameters
    ----------
    record
        The record.
    event_name
        What happened to the item.

    Returns
    -------
    Image
        The old one of a REMOVE, else the new one.

    Raises
    ------
    UnexpectedError
        The record has no such image.
    """
    image = record.old if event_name == "REMOVE" else record.new
    if image is None:
        raise UnexpectedError("image", "", "no such image")
    return image


def keys_of(record: StreamRecord, image: Image, names: Collection[str]) -> tuple[str, ...]:
    """The key attributes of an image.

    Parameters
    ----------
    record
        The record that has the image.
    image
        One of its images.
    names
        Names of the key attributes.

    Returns
    -------
    tuple of str
        Their values, none of them empty, in the order of the names.

    Raises
    ------
    UnexpectedError
        One of them is no text, or is another than the key that the record names.
    """
    values = tuple([text(image, name, "key") for name in names])
    for name, value in zip(names, values, strict=True):
        if record.keys and record.keys.get(name) != {"S": value}:
            raise UnexpectedError("key", name, "another value than the key of the item")
    return values


def text(image: Image, name: str, rule: str, place: str = "") -> str:
    """Read an attribute that has to be a text and not empty.

    Parameters
    ----------
    image
        The image, or a map within it.
    name
        Name of the attribute.
    rule
        The rule that it has to meet.
    place
        Where the map is in the image; empty for the image itself.

    Returns
    -------
    str
        Its value.

    Raises
    ------
    UnexpectedError
        It is something else.
    """
    found = value(image, name, "S", rule, place)
    if not isinstance(found, str) or not found:
        raise UnexpectedError(rule, at(place, name), "an empty text" if found == "" else kind(image.get(name)))
    return found


def optional_text(image: Image, name: str, rule: str, place: str = "") -> str | None:
    """Read an attribute that may be absent.

    Parameters
    ----------
    image
        The image, or a map within it.
    name
        Name of the attribute.
    rule
        The rule that it has to meet.
    place
        Where the map is in the image; empty for the image itself.

    Returns
    -------
    str or None
        Its value, also an empty text; None where it is absent or null.

    Raises
    ------
    UnexpectedError
        It is something else.
    """
    attribute = image.get(name)
    if attribute is None or attribute == _NULL:
        return None
    found = value(image, name, "S", rule, place)
    if not isinstance(found, str):
        raise UnexpectedError(rule, at(place, name), kind(image.get(name)))
    return found


def number(image: Image, name: str, rule: str, place: str = "") -> Decimal:
    """Read an attribute that has to be a number which DynamoDB can hold.

    Parameters
    ----------
    image
        The image, or a map within it.
    name
        Name of the attribute.
    rule
        The rule that it has to meet.
    place
        Where the map is in the image; empty for the image itself.

    Returns
    -------
    Decimal
        Its value, to the last digit.

    Raises
    ------
    UnexpectedError
        It is something else.
    """
    found = value(image, name, "N", rule, place)
    if not isinstance(found, str) or not _NUMBER.fullmatch(found):
        raise UnexpectedError(rule, at(place, name), shown(found))
    try:
        read = Decimal(found)
    except InvalidOperation:
        raise UnexpectedError(rule, at(place, name), shown(found)) from None
    # What is written in so few characters has no more digits than that, and no exponent that matters.
    short = len(found) <= _DIGITS and "e" not in found and "E" not in found
    if not short and (len(_EXACT.normalize(read).as_tuple().digits) > _DIGITS or abs(read.adjusted()) > _MOST_EXPONENT):
        raise UnexpectedError(rule, at(place, name), "a number that DynamoDB cannot hold")
    return read


def value(image: Image, name: str, letter: str, rule: str, place: str = "") -> Any:  # noqa: ANN401 - whatever is there
    """Read an attribute that has to be of a type.

    Parameters
    ----------
    image
        The image, or a map within it.
    name
        Name of the attribute.
    letter
        Letter of its type.
    rule
        The rule that it has to meet.
    place
        Where the map is in the image; empty for the image itself.

    Returns
    -------
    Any
        Its value, as the image has it.

    Raises
    ------
    UnexpectedError
        It is something else.
    """
    attribute = image.get(name)
    # A dictionary is known as a mapping without asking for it, which each attribute of each record would pay for.
    if not isinstance(attribute, (dict, Mapping)) or len(attribute) != 1 or letter not in attribute:
        raise UnexpectedError(rule, at(place, name), kind(attribute))
    found = attribute[letter]
    try:
        if isinstance(found, str) and not found.isascii():
            found.encode()
    except UnicodeEncodeError:
        raise UnexpectedError(rule, at(place, name), f"half a character in {shown(found)}") from None
    return found


def at(place: str, name: str) -> str:
    """Where an attribute is, with the list or map that has it before it."""
    return f"{place}.{name}" if place else name


def kind(attribute: object) -> str:
    """What an attribute is, by its type."""
    if attribute is None:
        return "no such attribute"
    if isinstance(attribute, Mapping) and len(attribute) == 1:
        letter, found = next(iter(attribute.items()))
        if letter in ("S", "N"):
            return f"{_TYPES[letter]} {shown(found)}"
        return _TYPES.get(str(letter), "what is no attribute")
    return "what is no attribute"


def shown(found: object) -> str:
    """What was found, shortened, quoted and without numbers of cards."""
    said = without_numbers(str(found)[:_SHOWN])
    return repr(said.encode("utf-8", "backslashreplace").decode())


def _masked(found: Any, keys: Collection[str], name: str = "") -> Any:  # noqa: ANN401 - attributes nest
    """An image without the numbers of cards; the keys of the item stay as they are, since they name it."""
    if isinstance(found, Mapping):
        return {
            str(key): _masked(each, keys, name if len(key) <= len("BOOL") and key in _TYPES else key)
            for key, each in found.items()
        }
    if isinstance(found, list):
        return [_masked(each, keys, name) for each in found]
    if isinstance(found, str):
        return without_numbers(found[:_KEPT_CHARACTERS], Where.of(name, identifiers=name in keys))
    return found
