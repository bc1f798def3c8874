"""What an event says of rejected rows: rules with the reasons of their first rows, and the way to the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from pipeline_assets.errors import TransientError
from pipeline_assets.events.environment import optional
from pipeline_assets.lineage.rejections import MENDING, Rejections, rejected_table, rejections_of
from pipeline_assets.lineage.store_figures import NO_FIGURES, Figures

if TYPE_CHECKING:
    from logging import Logger

    from pipeline_assets.events.quarantine import Quarantine
    from pipeline_assets.events.receipt import Receipt
    from pipeline_assets.lineage.bridge import PartitionEvent

#: So many sources of an event are looked up in the quarantine; the command shows the rows of any other.
_LOOKED_UP: Final = 5


class RejectionReader:
    """Reads what the sources of events had rejected, each once; a quarantine that does not answer is left alone."""

    def __init__(self, opened: Callable[[], Quarantine] | None, log: Logger) -> None:
        self._opened = opened
        self._log = log
        self._read: dict[str, Rejections] = {}

    def metadata_of(self, *events: PartitionEvent) -> Figures:
        """The metadata of the events of one place; none where nothing was rejected."""
        receipts = {receipt.report_id: receipt for event in events for receipt in event.rejecting}
        newest = sorted(receipts.values(), key=lambda receipt: receipt.source.stamp, reverse=True)
        return rejection_metadata([self._of(each, look=n < _LOOKED_UP) for n, each in enumerate(newest)])

    def _of(self, receipt: Receipt, *, look: bool) -> Rejections:
        known = self._read.get(receipt.report_id)
        if known is None and look and self._opened is not None:
            try:
                known = self._read[receipt.report_id] = rejections_of(receipt, self._opened())
            except TransientError as error:
                self._opened = None
                self._log.warning("what was rejected is shown without its rules: %s", error)
        return known or Rejections(receipt, (), "")


def rejection_metadata(rejections: Sequence[Rejections]) -> Figures:
    """The metadata that lead from an event to its rejected rows.

    Parameters
    ----------
    rejections
        Those of its sources, the newest first.

    Returns
    -------
    Figures
        A table of all of them; of the newest where its rows are kept and the command that shows them; and the page that
        says how they are mended.
    """
    if not rejections:
        return NO_FIGURES
    newest = rejections[0]
    return {
        "rejected": dg.MetadataValue.md(rejected_table(rejections, addresses=False)),
        **({"quarantine": dg.MetadataValue.path(newest.address)} if newest.address else {}),
        "show_rejected": newest.command,
        "how_to_mend": page(MENDING),
    }


def page(path: str) -> dg.MetadataValue[Any]:
    """A link to a page of the documentation.

    Parameters
    ----------
    path
        The page, from the folder of the project.

    Returns
    -------
    MetadataValue
        Its address in the repository where ``CODE_URL``, and ``CODE_BRANCH`` if it is not main, say where that is;
        otherwise its path, which is the same in every clone.
    """
    if url := optional(None, "CODE_URL"):
        return dg.MetadataValue.url(f"{url.rstrip('/')}/blob/{optional(None, 'CODE_BRANCH', 'main')}/{path}")
    return dg.MetadataValue.path(path)
