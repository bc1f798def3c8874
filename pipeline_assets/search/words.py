"""Words of a text that somebody typed: any characters come in, few and harmless words come out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

#: Characters of a text and words of it that are looked at; whoever pastes a page searches for its beginning.
LONGEST_TEXT: Final = 300
MOST_WORDS: Final = 12
#: Words that say nothing of a product, in Spanish and in English, without their accents.
STOP_WORDS: Final = frozenset(
    # "sin" and "without" do say something: without sugar.
    ["a", "al", "con", "de", "del", "e", "el", "en", "la", "las", "lo", "los", "o", "para", "por", "u", "un", "una"]
) | frozenset(
    ["unas", "unos", "y", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"]
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a text is searched by.

    Parameters
    ----------
    text
        The text without control characters, with single spaces, cut to 300 characters.
    words
        What lies between its spaces and has a letter, a digit or a symbol, at most twelve; without words such as *de*
        unless it has no others.
    blank
        Whether nothing was typed at all.
    """

    text: str
    words: tuple[str, ...]
    blank: bool


def words_of(typed: str) -> Words:
    """Read what was typed.

    Parameters
    ----------
    typed
        Any text, lone surrogates and control characters among it.

    Returns
    -------
    Words
        Its words.

    Examples
    --------
    >>> words_of("  Leche *de* vaca ").words
    ('Leche', 'vaca')
    """
    # What is behind the cut of what is typed cannot come before the cut of what is read.
    beginning = "".join(_plain(each) for each in typed[: 4 * LONGEST_TEXT])
    text = " ".join(unicodedata.normalize("NFKC", beginning).split())[:LONGEST_TEXT].strip()
    found = [each for each in text.split(" ") if any(map(_says_something, each))]
    telling = [each for each in found if folded(each).strip("*\"'.,;:¡!¿?()") not in STOP_WORDS] or found
    return Words(text, tuple(dict.fromkeys(telling))[:MOST_WORDS], not typed.strip())


def folded(text: str) -> str:
    """A text in lower case without accents, as the index has words."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))


def _plain(character: str) -> str:
    return " " if unicodedata.category(character)[0] == "C" else character


def _says_something(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind[0] in "LN" or kind == "So"
