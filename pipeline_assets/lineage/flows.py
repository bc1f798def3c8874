"""What lineage knows of a flow: the part of its row in the registry that Dagster shows."""

from __future__ import annotations

from typing import Protocol

import dagster as dg


class BridgedFlow(Protocol):
    """A flow whose receipts are shown.

    `anchor` is the key, slashes in it, of the asset at which is told what concerns the flow as a whole; `queue` is
    empty for a flow that no queue feeds, `fed` tells whether a queue or a stream does.
    """

    @property
    def name(self) -> str:
        """The name of the flow, as its receipts bear it."""

    @property
    def anchor(self) -> str:
        """The key of the asset that stands for the whole flow."""

    @property
    def queue(self) -> str:
        """The name of the queue that feeds the flow."""

    @property
    def fed(self) -> bool:
        """Whether a queue or a stream feeds it."""

    @property
    def quarantine(self) -> str:
        """Address of what opens its quarantine, of the bucket and the name of the flow."""


def anchor_of(flow: BridgedFlow) -> dg.AssetKey:
    """The asset at which is told what concerns the flow as a whole."""
    return dg.AssetKey.from_user_string(flow.anchor)


def bridge_name(flow: str) -> str:
    """The name in Dagster of the bridge of a flow: ``tickets_bridge``."""
    return f"{flow.replace('-', '_')}_bridge"
