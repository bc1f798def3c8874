"""Detection of security codes and PINs of cards, by the names of columns and by the words in texts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_PART = re.compile(r"[^\W_]+")
#: Letters that stand by themselves, as in C.V.V.
_INITIALS = re.compile(r"(?<![^\W_])[A-Za-z](?:[\W_]{1,2}[A-Za-z](?![^\W_])){2,}")
#: Abbreviations, each also in the plural and with a version behind it, as in cvv2.
_SHORT = ("cvv", "cvc", "cvn", "cvd", "cvx", "cve", "cav", "csc", "cid", "ccv", "icvv", "dcvv", "pvv", "dcsc")
#: What they are called in other languages, in names and in texts: `~` stands for what is neither letter nor digit.
_FOREIGN = (
    r"sicherheits~?(?:code|nummer|zahl)|geheim~?(?:zahl|nummer)|pr[uü]e?f(?:nummer|ziffer|zahl)"
    r"|beveiligings~?(?:code|nummer)|s(?:ä|ae?)kerhets~?kod|sikkerhe[dt]s~?kode|turva~?(?:koodi|tunnus)"
    r"|codice~{0,3}(?:di~{0,3})?(?:sicurezza|verifica)|code~{0,3}(?:de~{0,3})?s[eé]curit[eé]|cryptogramme"
    r"|c[oó]d(?:igo|\.)?~{0,3}(?:de~{0,3})?(?:seguridad|seguran[cç]a|verifica(?:dor|ci[oó]n|[cç][aã]o))"
    r"|kod~{0,3}bezpiecze[nń]stwa|bezpe[cč]nostn[ií]~{0,3}k[oó]d|g[uü]venlik~{0,3}kodu|код~{0,3}безопасности"
    r"|セキュリティ~{0,3}(?:コ[ー-]ド|番号)|暗証番号|安全[码碼]|보안~{0,3}코드"
)
_SHORTS = frozenset((*_SHORT, *(f"{each}s" for each in _SHORT), "cvvcode", "cvccode", "cidcode"))
#: The same written as one word, in any place of it.
_ONE_WORD = re.compile(
    r"cvv|cvc|cvn|(?<!social)security(?:code|number|no|num|nr|digit)s?\d?$"
    r"|verification(?:code|value|number|no|num|digit)s?|validation(?:code|value|number|no)|seccode"
    r"|card(?:code|check(?:code|digit|no|number|value)|security|verification|validation|pin$)|^pin(?:block|offset|number|no)"
    r"|^mag(?:netic)?stripe|^track[123i]{0,3}(?:equivalent)?data$|^track[123]$|securecode|^cscode|^cvcode|codepin$"
    r"|(?:three|four|3|4)digits?code"
)
#: What says without the word card what it is: a word of the left with one of the right, in any order.
_PAIRS = {
    "security": {"code", "cd", "number", "no", "num", "nr", "digit", "pin"},
    "verification": {"code", "number", "no", "num", "nr", "digit", "value"},
    "validation": {"code"},
    "sec": {"code", "cd"},
    "secure": {"code"},
    "verif": {"code", "number", "no", "num", "value"},
    "cv": {"code", "number", "no", "num", "value"},
    "panel": {"code"},
    "stripe": {"mag", "magnetic"},
    "track": {"data", "full", "equivalent", "one", "two"},
    "digit": {"three", "four", "back"},
}
_OF_CARD = {"security", "verification", "validation", "secure", "verify", "verif", "sec", "check"}
_NOUNS_OF_CARD = {"code", "number", "no", "num", "nr", "digit", "value", "val"}
_CARD = {"card", "cc", "credit", "debit"}
_PIN = {"pin", "pincode", "mpin", "tpin", "ipin"}
#: With one of these a pin belongs to goods or to a place, as the postal code of India does.
_OTHER_PIN = frozenset(
    {"postal", "post", "zip", "address", "addr", "area", "city", "delivery", "shipping", "location", "map", "product"}
    | {
        "item",
        "count",
        "color",
        "colour",
        "size",
        "type",
        "badge",
        "lapel",
        "bowling",
        "hair",
        "safety",
        "drop",
        "push",
    }
)


def says_security_code(name: str) -> bool:
    """Whether a column's name says that it holds security codes or PINs of cards.

    Its words, told apart by case and by whatever stands between them, count in any order.

    Returns
    -------
    bool
        True also for a name that may mean something else, such as ``cid``.
    """
    name = _INITIALS.sub(lambda found: re.sub(r"[\W_]", "", found[0]), unicodedata.normalize("NFKC", name))
    if _IN_OTHER_LANGUAGES.search(name):
        return True
    parts = [part.lower() for part in _PART.findall(name)]
    words = {_singular(word.lower().rstrip("0123456789")) for word in (*_WORD.findall(name), *parts)}
    if words & _SHORTS or any(_ONE_WORD.search(part) for part in parts) or "cv2" in parts:
        return True
    if {"track", "1"} <= {*parts} or {"track", "2"} <= {*parts} or {"personal", "identification", "number"} <= words:
        return True
    if words & _PIN:
        return not words & _OTHER_PIN
    return "social" not in words and _says_in_words(words, "_".join(parts))


def _says_in_words(words: set[str], name: str) -> bool:
    if any(first in words and words & second for first, second in _PAIRS.items()):
        return True
    if words & _CARD and words & _OF_CARD and words & _NOUNS_OF_CARD:
        return True
    return bool("card" in words and words & {"security", "verification", "validation"}) or bool(
        re.search(r"(?:^|_)cards?_?codes?(?:_|$)", name)
    )


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > len("cvs") else word


#: A name of security codes in a text: `~` stands for what is neither letter nor digit.
_NOUN = r"(?:code|number|digit|value|num|no|nr)s?"
_LONG = (
    rf"(?:security|sec|verification|validation)~{{0,3}}{_NOUN}|(?:code|number|digit)s?~{{0,3}}(?:(?:of|for)~{{0,3}})?"
    rf"(?:security|verification|validation)|card~{{0,3}}check~{{0,3}}{_NOUN}"
)
_PIN_SAID = rf"\bpin(?:~{{0,3}}(?:block|{_NOUN}))?~{{0,6}}(?:(?:is|was|my|the)~{{1,3}}){{0,2}}"
#: The digits of one, also with a blank or a mark between each two.
_CODE = r"(?:\d{3,4}|\d(?:[ ._-]\d){2,3})(?!\d)"
_NAME = rf"(?:{_FOREIGN}|cv[vcn]|(?<![^\W\d_])(?:{'|'.join(_SHORT)}|cv2)(?=s?\d?(?![^\W_]))|{_LONG})s?2?"
_HOW_LONG = r"(?:\D{0,16}?\b[34]\W{0,2}digits?\b)?"
_BEHIND = r"(?:(?:is|was|as|my|the|card|your|for)[\W_]{1,3}){0,4}"


def _in_python(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("~", r"[\W_]"), re.IGNORECASE)


_IN_OTHER_LANGUAGES = _in_python(_FOREIGN)
_CODES = _in_python(
    rf"{_NAME}{_HOW_LONG}\D{{0,24}}?(?!(?<=cve-)\d{{4}}-\d){_CODE}"
    r"|\bpin~{0,3}block~{0,6}[0-9a-f]{16}(?![0-9a-z])"
    rf"|{_PIN_SAID}(?:(?<!code )(?<!code: )(?<!code:)(?<!code=)(?<!code\")\d{{6}}|\d{{4,5}})(?!\d)"
)
_CODES_BEFORE = _in_python(rf"(?<![\d.,/-])\d{{3,4}}[\W_]{{1,4}}{_BEHIND}(?:{_NAME})(?![^\W\d_])")
#: One of these is in every name in another language.
_STEMS = (
    "sicherheits|geheim|pr[uü]e?f|beveilig|kerhets|sikkerhe|turva|sicurezza|verifica|s[eé]curit[eé]|cryptogramme|segur"
    "|bezpe|venlik|безоп|セキュ|暗証|安全|보안"
)
_SHARED = (rf"cv[vcndxe2]|csc|cid|cav|ccv|pvv|\bpin|{_STEMS}|{_LONG}").replace("~", r"[^\p{L}\p{N}]")
#: Somewhere in every text with a security code, and what is hidden of one where it cannot be replaced with care, in the
#: syntax that Rust and Java share.
NAMED = f"(?i:{_SHARED})|[\uff21-\uff5a]"
SAID = rf"(?i:(?:{_SHARED})\P{{N}}{{0,24}}?\p{{N}}[\p{{N}} ._-]{{2,5}}\p{{N}}?)"


#: One of these is in every name.
_PARTS = (
    "segur",
    "curit",
    "sicher",
    "sicur",
    "verifica",
    "geheim",
    "beveilig",
    "kerhets",
    "sikkerhe",
    "turva",
    "kod",
    "k\u00f3d",
    "код",
    "セキュ",
    "暗証",
    "安全",
    "보안",
    "pruf",
    "pvv",
    "csc",
    "prüf",
    "pruef",
    "crypto",
    "cv",
    "cid",
    "cav",
    "pin",
    "sec",
    "verif",
    "valid",
    "check",
)


def security_codes(text: str) -> Iterator[tuple[int, int]]:
    """Stretches of a text that are security codes and PINs, with the words that say so: begin and end of each."""
    lower = text.lower()
    if not any(part in lower for part in _PARTS):
        return
    for found in _CODES.finditer(text):
        yield found.span()
    for found in _CODES_BEFORE.finditer(text):
        yield found.span()
