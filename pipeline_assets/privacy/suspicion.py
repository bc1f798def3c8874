"""What every text with a number of a person has, in the syntax of patterns that Rust and Java share."""

from __future__ import annotations

from pipeline_assets.privacy.digits import MARKS, SSN_DIGITS
from pipeline_assets.privacy.security_codes import SAID
from pipeline_assets.privacy.spellings import ENCODED

#: Anything that may stand between two digits, as long as it likes: what is long would not be understood.
_SHARED_GAP, _DIGIT = rf"[[^\p{{L}}\p{{N}}]{MARKS}]*", r"\p{N}"
#: How the numbers of cards begin, and times do not.
_BEGIN = rf"(?:[3-9]{_SHARED_GAP}{_DIGIT}|2{_SHARED_GAP}[2-9]|[^\P{{N}}0-9]{_SHARED_GAP}{_DIGIT})"
#: Where a text may hold a number: nine digits near each other,
NINE_DIGITS = rf"{_DIGIT}(?:{_SHARED_GAP}{_DIGIT}){{{SSN_DIGITS - 1}}}"
#: where also this is there, or a word says so,
MAY_HOLD_NUMBER = (
    rf"{_BEGIN}(?:{_SHARED_GAP}{_DIGIT}){{11,}}"
    rf"|{_DIGIT}{{3}}{_SHARED_GAP[:-1]}+{_DIGIT}{{2}}{_SHARED_GAP[:-1]}+{_DIGIT}{{4}}"
)
#: or both of these: in a text that is encoded anything may stand between two digits, also other digits.
MAY_HOLD_ENCODED = (ENCODED, rf"(?s){_DIGIT}(?:\P{{N}}*{_DIGIT}){{{SSN_DIGITS - 1}}}")
#: What hides every number where it cannot be replaced with care, and some more.
SUSPICIOUS = rf"{_DIGIT}{{13,}}|{MAY_HOLD_NUMBER}|{SAID}"
