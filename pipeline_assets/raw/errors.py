"""Terminal error of an export."""

from __future__ import annotations

from pipeline_assets.errors import TerminalError


class SourceError(TerminalError):
    """Raised when the source database, or a dataset, cannot be exported as it is; no retry helps."""
