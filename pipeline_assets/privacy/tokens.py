"""Keyed tokens (HMAC-SHA256): equal for equal numbers under one key, and not to be undone without the key.

A plain hash would not do: there are so few numbers that all of them can be tried.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass, field

from pipeline_assets.errors import TerminalError

#: Bytes that a key has at least: as many as the digest.
LEAST_BYTES = 32
_DIGITS = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class TokenKeyError(TerminalError):
    """The text given as a token key is none; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Key of tokens; its id stands in every token made with it."""

    id: str
    secret: bytes = field(repr=False)

    def token(self, kind: str, digits: str) -> str:
        """Token of a number.

        Parameters
        ----------
        kind
            Keeps numbers of different kinds apart that happen to have the same digits.
        digits
            ASCII digits of the number.

        Returns
        -------
        str
            ``<key id>:<32 hexadecimal digits>``, the first half of an HMAC-SHA256.
        """
        return f"{self.id}:{hmac.digest(self.secret, f'{kind}:{digits}'.encode(), 'sha256').hex()[:_DIGITS]}"

    @classmethod
    def from_text(cls, key_id: str, text: str) -> TokenKey:
        """Parse a key as the settings hold it.

        Parameters
        ----------
        key_id
            1 to 32 letters, digits, hyphens or underscores.
        text
            At least 32 bytes, in hexadecimal or base64.

        Returns
        -------
        TokenKey
            The key.

        Raises
        ------
        TokenKeyError
            `key_id` or `text` is not like that; the message quotes neither.
        """
        if not _ID.fullmatch(key_id):
            raise TokenKeyError("the id of a token key must be 1 to 32 letters, digits, hyphens or underscores")
        secret = _decoded(text.strip())
        if len(secret) < LEAST_BYTES:
            raise TokenKeyError(f"a token key must have at least {LEAST_BYTES} bytes, not {len(secret)}")
        return cls(key_id, secret)


def _decoded(text: str) -> bytes:
    """The bytes that a text stands for; what is hexadecimal is never taken for base64."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise TokenKeyError("a token key must be written in hexadecimal or base64") from None
