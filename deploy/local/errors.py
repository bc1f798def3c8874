"""What can stand in the way of a local instance."""

from __future__ import annotations


class LocalStackError(RuntimeError):
    """An instance cannot do what was asked; the message is one sentence that says what to do about it."""
