"""The ticket flow of a running instance, from outside: files in, receipts, graph and quarantine out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.receipt import Receipt
from pipeline_assets.graph.store import PurchaseGraph
from pipeline_assets.tickets.stores import TicketStores
from tests.worlds import ticket_files
from tests.worlds.graph_picture import picture
from tests.worlds.waiting import eventually

if TYPE_CHECKING:
    from tests.worlds.stack import RunningStack

HEADER = ticket_files.HEAD
PATIENCE = 60.0


def row(ticket: str, product: str = "Bread", quantity: object = 1, **changes: str) -> str:
    """A good row of a ticket with a basket of its own."""
    values = {"product": product, "quantity": str(quantity), "basket_id": f"B-{ticket}"}
    return ticket_files.row(ticket, **values | changes)


class TicketCloud:
    """The ticket flow of a running instance, as somebody who puts files sees it."""

    def __init__(self, cloud: RunningStack) -> None:
        self.cloud = cloud
        self.access = cloud.access
        self.ledger = Ledger(cloud.access.dynamodb, cloud.access.table("ledger"))
        self.bucket = cloud.access.bucket("tickets")

    def put(self, key: str, text: str | bytes) -> str:
        """Put an object and return its version."""
        body = text if isinstance(text, bytes) else text.encode()
        return self.access.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]

    def send(self, body: str) -> None:
        """Put a message into the ticket queue by hand."""
        self.access.sqs.send_message(QueueUrl=self.access.queue("tickets"), MessageBody=body)

    def notification(self, key: str, version: str, *, moment: str, sequencer: str) -> dict[str, Any]:
        """A record as S3 writes it."""
        return {
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "eventTime": moment,
            "s3": {
                "bucket": {"name": self.bucket},
                "object": {"key": key, "versionId": version, "eTag": "", "size": 1, "sequencer": sequencer},
            },
        }

    def receipt(self, key: str, version: str) -> Receipt:
        """The receipt of an object version, once it is there."""
        found: list[Receipt] = self.wait(lambda: self.receipts(key, version))
        return found[0]

    def receipts(self, key: str, version: str) -> list[Receipt]:
        """The receipts of an object version that wait for Dagster, which does not run here."""
        reports = self.ledger.pending("tickets", limit=10_000)
        return [r.receipt for r in reports if (r.receipt.version.key, r.receipt.version.version_id) == (key, version)]

    @contextmanager
    def stores(self) -> Iterator[TicketStores]:
        """The stores of the instance, for work that no function does."""
        quarantine = JsonLinesQuarantine(self.access.open_bucket("quarantine"), "tickets")
        yield TicketStores(self.access.storage, self.ledger, PurchaseGraph(self.cloud.graph), quarantine)

    def wait(self, look: Any) -> Any:
        """What `look` returns, as soon as it is something."""
        return eventually(look, PATIENCE, 0.05) or pytest.fail(f"nothing came within {PATIENCE:.0f} s")

    def quarantined(self, prefix: str) -> list[dict[str, Any]]:
        """The documents in the quarantine under a prefix."""
        bucket = self.access.bucket("quarantine")
        listed = self.access.s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        bodies = (self.access.s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed)
        return [json.loads(line) for body in bodies for line in body.decode().splitlines()]

    def lines(self, ticket: str) -> list[tuple[Any, ...]]:
        return [(product, quantity) for t, product, quantity in picture(self.cloud.graph)["CONTAINS"] if t == ticket]
