"""Labelled texts, made from a seed: card numbers in every spelling that is replaced, and numbers that are no cards.

`python -m tests.worlds.number_spellings` measures all of them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, product

from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.digits import is_card_number, is_rather_else, luhn
from pipeline_assets.privacy.leaks import Canaries, scan_text

#: How the numbers of a network begin, and how many digits they have.
NETWORKS = {
    "visa": ("4", (13, 16, 19)),
    "mastercard": ("51 52 53 54 55 2221 2300 2500 2699 2720", (16,)),
    "amex": ("34 37", (15,)),
    "discover": ("6011 644 649 65", (16, 19)),
    "jcb": ("3528 3558 3589", (16, 19)),
    "unionpay": ("62", (16, 17, 18, 19)),
    "diners": ("300 305 36 38 39", (14,)),
    "maestro": ("5018 5020 5893 6304 6759 6761", (16, 19)),
    "rupay": ("60 81 82 508", (16,)),
    "mir": ("2200 2204", (16, 19)),
}
SEPARATORS = {
    "nothing": "",
    "blank": " ",
    "four blanks": "    ",
    "ten blanks": " " * 10,
    "tab": "\t",
    "line": "\n",
    "line and indent": "\r\n        ",
    "hyphen": "-",
    "spaced hyphen": " - ",
    "en dash": "\u2013",
    "minus": "\u2212",
    "dot": ".",
    "comma": ",",
    "comma and blank": ", ",
    "colon": ":",
    "semicolon": ";",
    "star": "*",
    "bar": "|",
    "slash": "/",
    "backslash": "\\",
    "underscore": "_",
    "plus": "+",
    "equals": "=",
    "tilde": "~",
    "hash": "#",
    "caret": "^",
    "brackets": ")(",
    "middle dot": "\u00b7",
    "bullet": " \u2022 ",
    "ellipsis": "\u2026",
    "quotes": "'",
    "texts of a list": '", "',
    "no-break blank": "\u00a0",
    "narrow blank": "\u202f",
    "thin blank": "\u2009",
    "wide blank": "\u3000",
    "zero width blank": "\u200b",
    "non-joiner": "\u200c",
    "joiner": "\u200d",
    "word joiner": "\u2060",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "left to right": "\u200e",
    "emoji": "\U0001f600",
    "written line": "\\n",
    "written tab": "\\t",
    "written line twice": "\\\\n",
    "url": "%20",
    "url no-break": "%C2%A0",
    "url twice": "%2520",
    "url plus": "%2B",
    "named": "&nbsp;",
    "named without semicolon": "&nbsp",
    "named twice": "&amp;nbsp;",
    "named thin": "&thinsp;",
    "decimal": "&#160;",
    "decimal without semicolon": "&#32",
    "hexadecimal": "&#x2009;",
    "json": "\\u0020",
    "json no-break": "\\u00a0",
    "byte": "\\x20",
    "mail": "=20",
    "mail no-break": "=C2=A0",
    "mail soft line": "=\r\n",
    "url five times": "%252525252520",
    "decimal with zeros": "&#0032;",
    "decimal thin without semicolon": "&#8201",
    "bytes of utf-8": "\\xc2\\xa0",
    "octal": "\\040",
    "octal of utf-8": "\\302\\240",
    "written zero": "\\0 ",
    "name": "\\N{NO-BREAK SPACE}",
    "spreadsheet": "_x000D_",
    "terminal": "\x1b[0m",
    "long vowel": "\u30fc",
    "narrow long vowel": "\uff70",
    "tatweel": "\u0640",
    "filler": "\u3164",
    "wide hyphen": "\uff0d",
    "long tag": f'<span style="{"a" * 400}">',
    "tag": "<br>",
    "tag and style": '</span><span class="n4">',
}
#: What becomes of every digit, for itself.
DIGITS = {
    "ascii": "{}",
    "full-width": "\uff10",
    "arabic-indic": "\u0660",
    "devanagari": "\u0966",
    "mathematical": "\U0001d7ce",
    "superscript": "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079",
    "keycap": "{}\ufe0f\u20e3",
    "html": "&#{n};",
    "html hexadecimal": "&#x{n:x};",
    "html open": "&#{n}",
    "json": "\\u{n:04x}",
    "json of javascript": "\\u{{{n:x}}}",
    "byte": "\\x{n:02x}",
    "url": "%{n:02X}",
    "url twice": "%25{n:02X}",
    "mail": "={n:02X}",
    "octal": "\\{n:03o}",
    "spreadsheet": "_x{n:04X}_",
    "html with zeros": "&#{n:04d};",
    "circled": "\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468",
}
CONTEXTS = {
    "alone": "{}",
    "sentence": "was {}, twice",
    "quoted": '"{}"',
    "brackets": "({})",
    "json": '{{"a": 1, "b": "{}", "c": 27}}',
    "csv": "7,{},2026-11-21",
    "glued": "no{}x",
    "behind a time": "2026-11-21T19:15:00Z {} ok",
    "with its month": "{} 12/27 and",
    "unicode": "número {} pagó",
}


def spelled(digits: str, groups: tuple[int, ...], separator: str, digit: str) -> str:
    """A number in groups, each digit written in one way."""
    written, place = [], 0
    for size in groups:
        written.append("".join(_digit(each, digit) for each in digits[place : place + size]))
        place += size
    return separator.join(written)


def _digit(each: str, form: str) -> str:
    if len(form) == 1:
        return chr(ord(form) + int(each))
    return form[int(each)] if len(form) == 10 and "{" not in form else form.format(each, n=ord(each))


def groupings(size: int) -> tuple[tuple[int, ...], ...]:
    """How a number of so many digits is grouped: in fours, as cards are printed, and every digit by itself."""
    fours = (*(4,) * (size // 4), *((size % 4,) if size % 4 else ()))
    printed = {15: ((4, 6, 5),), 14: ((4, 6, 4),), 13: ((4, 3, 3, 3),), 16: ((6, 10),)}.get(size, ())
    return (fours, *printed, (1,) * size)


def card_number(rng: random.Random, begin: str, size: int) -> str:
    """A card number; where nothing but its digits is there, none that is a bar code as well."""
    while True:
        body = begin + "".join(rng.choices("0123456789", k=size - len(begin) - 1))
        number = next(body + digit for digit in "0123456789" if luhn(body + digit))
        if is_card_number(number) and not is_rather_else(number):
            return number


def cards(seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """Every network, length, grouping and separator in every context: what it is, the text, and the digits."""
    rng = random.Random(seed)
    for network, (begins, sizes) in NETWORKS.items():
        for size, (name, separator) in product(sizes, SEPARATORS.items()):
            for groups in groupings(size) if separator else ((size,),):
                for context, around in CONTEXTS.items():
                    if set(groups) == {1} and separator == "," and context == "csv":
                        continue  # every digit is a value of its own
                    number = card_number(rng, rng.choice(begins.split()), size)
                    text = around.format(spelled(number, groups, separator, "{}"))
                    yield f"{network} {size} {name} {groups} {context}", text, number
        for size, (name, form), separator in product(sizes, DIGITS.items(), ("", " ", "-")):
            groups = groupings(size)[0] if separator else (size,)
            for context, around in CONTEXTS.items():
                number = card_number(rng, rng.choice(begins.split()), size)
                text = around.format(spelled(number, groups, separator, form))
                yield f"{network} {size} {name} {groups} {context}", text, number


def _gs1(rng: random.Random, size: int, begin: str = "") -> str:
    body = begin + "".join(rng.choices("0123456789", k=size - len(begin) - 1))
    total = 3 * sum(map(int, body[-1::-2])) + sum(map(int, body[-2::-2]))
    return f"{body}{-total % 10}"


def _iban(rng: random.Random, country: str, size: int) -> str:
    body = "".join(rng.choices("0123456789", k=size))
    value = int(body + "".join(str(int(each, 36)) for each in country) + "00")
    return f"{country}{98 - value % 97:02d}{body}"


def _times(rng: random.Random) -> Iterator[tuple[str, str]]:
    moment = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.random() * 21 * 365 * 86_400)
    written = moment.strftime("%Y%m%d%H%M%S%f")
    for size in range(14, 21):
        yield f"time of {size} digits", written[:size]
    micros = int(moment.timestamp() * 1_000_000)
    yield from (("seconds", str(micros // 1_000_000)), ("milliseconds", str(micros // 1_000)))
    yield from (("microseconds", str(micros)), ("nanoseconds", f"{micros}{rng.randrange(1000):03d}"))
    yield "iso", moment.isoformat()
    yield "iso with blank", moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    yield "day first", moment.strftime("%d%m%Y%H%M%S")
    yield "european", moment.strftime("%d.%m.%Y %H:%M:%S")
    yield "american", moment.strftime("%m/%d/%Y %H:%M")
    later = moment + timedelta(days=3)
    yield "from day to day", f"{moment:%d.%m.%Y} - {later:%d.%m.%Y}"
    yield "load id", f"{moment:%Y%m%dT%H%M%S%f}Z-{rng.randrange(10_000):04d}"
    yield "load time", f"{written}"


def _bar_codes(rng: random.Random) -> Iterator[tuple[str, str]]:
    yield from (("ean-13", _gs1(rng, 13)), ("ean-13 of 4", _gs1(rng, 13, "4")), ("ean-13 of 50", _gs1(rng, 13, "50")))
    yield from (("upc-a", _gs1(rng, 12)), ("ean-8", _gs1(rng, 8)), ("isbn", _gs1(rng, 13, rng.choice(("978", "979")))))
    yield from (("gtin-14", _gs1(rng, 14)), ("gtin-14 of 3", _gs1(rng, 14, "3")), ("sscc", _gs1(rng, 18)))
    yield from (("sscc of 6", _gs1(rng, 18, "6")), ("sscc with 00", f"00{_gs1(rng, 18)}"))
    code = _gs1(rng, 13)
    yield "ean-13 as printed", f"{code[0]} {code[1:7]} {code[7:]}"
    yield (
        "ean-13 in a row of values",
        f"{_gs1(rng, 13, '4')};{rng.randrange(100)};{rng.randrange(100)}.{rng.randrange(100):02d}",
    )
    yield "ean-13 and number", f"{_gs1(rng, 13, '4')} {rng.randrange(100, 1000)}"
    yield "ean-13 of 37 and number", f"{_gs1(rng, 13, '37')};{rng.randrange(10, 100)}"
    yield "upc-a and price", f"{_gs1(rng, 12, '6')} {rng.randrange(10, 100)}.{rng.randrange(100):02d}"
    yield "element string", f"(01)0{code}(17)27{rng.randrange(1, 13):02d}01"


def _identifiers(rng: random.Random, number: int) -> Iterator[tuple[str, str]]:
    yield "order", str(1_000_000_000_000_000 + number)
    yield "short order", str(300_000_000 + number)
    yield "order with a year", f"2026{number:012d}"
    yield "snowflake", str(rng.randrange(10**18, 2 * 10**18))
    yield "long number", str(rng.randrange(10**19, 10**20))
    yield "longer number", str(rng.randrange(10**23, 10**24))
    plain = f"{rng.getrandbits(128):032x}"
    yield "uuid", f"{plain[:8]}-{plain[8:12]}-4{plain[13:16]}-9{plain[17:20]}-{plain[20:]}"
    yield "uuid without hyphens", plain
    yield "sha-256", f"{rng.getrandbits(256):064x}"
    yield "telephone", f"+49{rng.choice(('151', '160', '171'))}{rng.randrange(10**7, 10**8)}"
    yield "telephone in groups", f"+44 20 {rng.randrange(1000, 9999)} {rng.randrange(1000, 9999)}"
    yield "telephone at home", f"({rng.randrange(200, 999)}) 555-{rng.randrange(10_000):04d}"
    yield "telephone of Germany", f"+49 {rng.randrange(151, 180)} {rng.randrange(10**7, 10**8)}"
    iban = _iban(rng, *rng.choice((("DE", 18), ("ES", 20), ("BE", 12), ("PT", 21))))
    yield "iban", iban
    yield "iban in groups", " ".join(iban[place : place + 4] for place in range(0, len(iban), 4))
    yield "fraction", str(rng.random())
    yield "fraction above one", str(rng.random() * 100)
    place = rng.uniform(-90, 90), rng.uniform(-180, 180)
    yield from (("place", f"{place[0]:.6f}, {place[1]:.6f}"), ("exact place", f"{place[0]},{place[1]}"))
    address = ".".join(str(rng.randrange(256)) for _ in range(4))
    yield from (("address", f"{address}:{rng.randrange(1024, 65536)}"), ("two addresses", f"{address} {address}"))
    yield "order of a market", f"{rng.randrange(100, 1000)}-{rng.randrange(10**6, 10**7)}-{rng.randrange(10**6, 10**7)}"
    parcel = _gs1(rng, 22, "94")
    yield "parcel", " ".join(parcel[at : at + 4] for at in range(0, 22, 4))
    yield "amounts", ", ".join(f"{rng.random() * 90 + 10:.2f}" for _ in range(3))


def others(rounds: int, seed: int = 2) -> Iterator[tuple[str, str]]:
    """Numbers that are no card numbers: what each is, and the text."""
    rng = random.Random(seed)
    for number in range(rounds):
        yield from _times(rng)
        yield from _bar_codes(rng)
        yield from _identifiers(rng, number)


def missed(step: int = 1) -> tuple[int, list[str]]:
    """How many card numbers were looked for, every `step`-th, and the texts in which one is left."""
    left, looked = [], 0
    for what, text, number in islice(cards(), 0, None, step):
        looked += 1
        cleaned = without_numbers(text)
        if "[card ending " not in cleaned or Canaries([number]).times_in(cleaned) or scan_text("", cleaned):
            left.append(f"{what}: {text!r}")
    return looked, left


def false_hits(rounds: int, seed: int = 2) -> tuple[int, list[str]]:
    """How many other numbers were looked at, and those that were taken for card numbers."""
    looked, hits = 0, []
    for what, text in others(rounds, seed):
        looked += 1
        if without_numbers(text) != text:
            hits.append(f"{what}: {text!r}")
    return looked, hits


if __name__ == "__main__":
    for name, (number, wrong) in {"missed": missed(), "false hits": false_hits(4_000)}.items():
        sys.stdout.write(f"{name}: {len(wrong)} of {number}\n" + "".join(f"  {each}\n" for each in wrong[:20]))
