"""Search of the quarantine for a ticket."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline_assets.datasets.text import clean, clean_id
from pipeline_assets.events.quarantine import Contents
from pipeline_assets.operations.rejected import Progress, side_by_side, standing_of
from pipeline_assets.tickets.stores import TicketStores

#: The rows of one file that a search gives back.
_ROWS_TOLD = 20


def rows_of_ticket(
    ticket_id: str, stores: TicketStores, contents: Contents, *, progress: Progress = lambda *_: None
) -> list[dict[str, Any]]:
    """Search the open files of the quarantine for a ticket.

    Parameters
    ----------
    ticket_id
        Number of the ticket.
    stores
        Stores of the ticket flow.
    contents
        Listing of the quarantine.
    progress
        Called with how many of how many files were looked at.

    Returns
    -------
    list of dict
        Documents of rejected rows that carry the ticket, at most 20 of a file, and of all files that were refused
        whole: these were never read row by row, so nobody knows whether they carry it, and theirs have no `row`.
    """
    wanted = clean_id(ticket_id) or clean(ticket_id)

    def search(receipt_id: str) -> list[dict[str, Any]]:
        receipt = stores.ledger.receipt(receipt_id)
        if receipt is None or standing_of(receipt, stores.ledger.newest(receipt.source.uri)) != "open":
            return []
        found: list[dict[str, Any]] = []
        for document in stores.quarantine.documents(receipt):
            if "row" not in document or wanted in _ticket_ids(document):
                found.append(document)
                if len(found) == _ROWS_TOLD:
                    break
        return found

    ids = sorted(contents.receipts)
    rows: list[dict[str, Any]] = []
    for number, found in enumerate(side_by_side(search, ids), 1):
        progress(number, len(ids))
        rows += found
    return rows


def _ticket_ids(document: dict[str, Any]) -> Iterable[str]:
    """What may be the ticket of a rejected row: any field, where it had not the header's columns."""
    fields = document.get("fields", ())
    values = [fields.get("ticket_id", "")] if isinstance(fields, dict) else fields
    return (each for value in values for each in (clean_id(value), clean(value)) if each)
