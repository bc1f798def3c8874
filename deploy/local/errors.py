"""What can stand in the way of a local instance."""

from __future__ import annotations

from pipeline_assets.errors import UserError


class LocalStackError(UserError):
    """An instance cannot do what was asked; the message is one sentence that says what to do about it."""
