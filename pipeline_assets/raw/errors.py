"""What ends an export for good, whatever part of it finds out."""

from __future__ import annotations

from pipeline_assets.errors import TerminalError


class SourceError(TerminalError):
    """The source database, or a dataset, is not such that it could be exported; no retry helps."""
