"""Suspicion: what a frame may hold numbers of persons in, by patterns that Rust and Java share and by names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pipeline_assets.privacy.digits import MARKS, SSN_DIGITS
from pipeline_assets.privacy.security_codes import SAID, says_security_code
from pipeline_assets.privacy.spellings import ENCODED

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass

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


def holds_security_code(name: str, dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether the name of a column, or of a field within its values, says that it holds security codes."""
    return says_security_code(name) or has_code_fields(dtype)


def has_code_fields(dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether a nested type has a field whose name says that it holds security codes."""
    if isinstance(dtype, pl.Struct):
        return any(holds_security_code(name, inner) for name, inner in dtype.to_schema().items())
    return isinstance(dtype, pl.List | pl.Array) and has_code_fields(dtype.inner)
