"""What a clean text, a clean id and a clean column name are, for every dataset: what looks the same is the same.

Nothing that is seen is changed, so capitals, accents and full-width digits stay; ADR 16 says why each rule is as it is.
"""

from __future__ import annotations

import re
import unicodedata

#: What programs write where there is no value, as they spell it: databases and their clients, Python, R, C and
#: spreadsheets of several languages with an error in the cell; and a dash. `NA` is not: it is a code of places, such as
#: Namibia.
PLACEHOLDERS = frozenset(
    {
        *("-", "--", "NULL", "null", "(null)", "(NULL)", "<null>", "<NULL>", "[NULL]", r"\N", "NIL", "nil"),
        *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "NaT", "None", "<NA>", "undefined"),
        *("N/A", "n/a", "n.a.", "#N/A", "#N/A N/A", "#NA", "#N/D", "#NV", "#NULL!", "#ERROR!", "#SPILL!", "#CALC!"),
        *("#VALUE!", "#VALEUR!", "#WERT!", "#VALOR!", "#¡VALOR!", "#REF!", "#¡REF!", "#BEZUG!"),
        *("#NAME?", "#NOM?", "#¿NOMBRE?", "#DIV/0!", "#¡DIV/0!", "#NUM!", "#¡NUM!"),
    }
)
_IN_ANY_CASE = frozenset(map(str.casefold, PLACEHOLDERS))
#: Number signs of Arabic, Syriac and Kaithi: format characters by name, but printed.
_SEEN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
#: Not of the category of format characters and invisible all the same: joiners of graphemes, fillers, the choice
#: between the two pictures of a sign.
_UNSEEN = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0)
_VARIATIONS = range(0xE0100, 0xE01F0)
_LINE_BREAKS = "\n\r\v\f\x85\u2028\u2029"
#: Between letters of these scripts, and between pictures, a joiner is seen: it changes what they look like.
_JOINED = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u18af\u2190-\u2bff\U0001f000-\U0001faff"
_JOINER = re.compile(f"(?<=[{_JOINED}])([\u200c\u200d])[\u200c\u200d]*(?=[{_JOINED}])|[\u200c\u200d]+")
_BLANKS = re.compile(r"[ \n]*\n[ \n]*| {2,}")
#: How a spreadsheet is kept from taking digits for a number.
_ARMOUR_BEGINS = frozenset("'=")
_FORMULA = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL)
_APOSTROPHE = re.compile(r"'([+-]?[0-9][0-9.,/ -]*)")
_APOSTROPHE_OF_ID = re.compile(r"'(.*[0-9].*?)'?", re.DOTALL)
_NUMBERS_BEGIN = frozenset("+-0123456789#")
#: In exponent form; or what is shown, and saved, where a column is too narrow for a number.
_LOST = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+[eE][+-]?|[.,]?[eE]\+)[0-9]+|#{2,}", re.ASCII)
#: Around a whole name in a header: quotation marks of any kind, and the brackets of MetaTrader and SQL Server.
_AROUND_NAMES = (
    "\"'`<>[] \u00b4\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a\u300c\u300d\uff02"
)


def clean(text: str) -> str:
    """A value as it is compared, its armour against spreadsheets taken off; cleaning again changes nothing."""
    if text.isascii() and text.isprintable() and "  " not in text:
        text = text.strip()
        if text[:1] not in _ARMOUR_BEGINS:
            return text
    seen = _seen(text)
    while (bare := _seen(_without_armour(seen))) != seen:
        seen = bare
    return seen


def clean_text(text: str) -> str:
    """A text that may be missing: empty where a placeholder, however capitalised, stands for no value."""
    text = clean(text)
    return "" if says_nothing(text) else text


def clean_name(text: str) -> str:
    """The name of a thing: empty where it is a placeholder as programs spell it, for `Nan` is a bread."""
    text = clean(text)
    return "" if text in PLACEHOLDERS else text


def clean_id(text: str) -> str:
    """An id: as `clean_text`, without an apostrophe before what has digits and without the `.0` of a number."""
    if text[-1:].isdigit() and text.isascii() and text.replace("-", "").isalnum():
        return text
    text = clean_text(text)
    while text[:1] == "'" and (found := _APOSTROPHE_OF_ID.fullmatch(text)):
        text = clean_text(found[1])
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def clean_column(text: str) -> str:
    """A column's name in a header, in lower case and without marks or brackets around it."""
    seen = clean(text).lower()
    while (bare := clean(seen.strip(_AROUND_NAMES)).lower()) != seen:
        seen = bare
    return seen


def says_nothing(text: str) -> bool:
    """Whether a clean value is empty or a placeholder, however capitalised."""
    return not text or text.casefold() in _IN_ANY_CASE


def lost_its_digits(text: str) -> bool:
    """Whether a clean id or name is a number in exponent form, such as 1.23457E+12, or one that is not shown, as ####.

    Returns
    -------
    bool
        False for ids such as `12E4` and `1E-5`: nothing writes a large number without a point or a plus.

    Examples
    --------
    >>> lost_its_digits("1.23457E+12"), lost_its_digits("12E4")
    (True, False)
    """
    return text[:1] in _NUMBERS_BEGIN and _LOST.fullmatch(text) is not None


def _seen(text: str) -> str:
    """What is seen of a text: no invisible characters, one kind of blank and of line break, letters composed."""
    text = _JOINER.sub(lambda found: found[1] or "", text.replace("\r\n", "\n").translate(_SPELLING))
    return _BLANKS.sub(lambda found: "\n" if "\n" in found[0] else " ", unicodedata.normalize("NFC", text)).strip(" \n")


class _Spelling(dict[int, int | str | None]):
    """What becomes of a character, looked up once; None for those that go."""

    def __missing__(self, code: int) -> int | str | None:
        match unicodedata.category(chr(code)):
            case "Zs":
                self[code] = " "
            case "Cf" | "Cc" if chr(code) not in _SEEN:
                self[code] = None
            case _:
                self[code] = code
        return self[code]


_SPELLING = _Spelling(
    dict.fromkeys((*_UNSEEN, *_VARIATIONS))
    | dict.fromkeys(map(ord, _LINE_BREAKS), "\n")
    | dict.fromkeys(map(ord, "\t\u2800"), " ")
    | {code: code for code in (0, 0x200C, 0x200D)}
)


def _without_armour(text: str) -> str:
    if formula := _FORMULA.fullmatch(text):
        return formula[1].replace('""', '"')
    apostrophe = _APOSTROPHE.fullmatch(text)
    return apostrophe[1] if apostrophe else text
