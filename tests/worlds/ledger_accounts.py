"""What the ledger says that a partition holds, by its running sum and by its sources one by one."""

from __future__ import annotations

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.shares import fingerprint


def source_ids(ledger: Ledger, asset: str, partition: str) -> tuple[str, ...]:
    """The ids of the sources a partition is made of, in the order of their stamps; its running sum agrees with them."""
    ids = tuple(source.id for source in ledger.sources(asset, partition))
    account = ledger.account(asset, partition)
    assert account == ledger.recount(asset, partition)
    assert (account.sources, account.fingerprint) == (len(ids), fingerprint(ids))
    return ids
