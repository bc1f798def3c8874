"""The environment contract: what a process of Cesta reads from its environment, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field


class MissingSettingError(RuntimeError):
    """Raised when a required environment variable is unset or empty."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"environment variable {name} is not set: it must hold {meaning}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the stores of one deployment are.

    boto3 reads its own variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, credentials) itself.
    """

    neo4j_uri: str
    neo4j_user: str
    neo4j_password: str = field(repr=False)
    tickets_queue_url: str
    quarantine_bucket: str
    ledger_table: str
    #: Empty where a process does not look into the bucket of ticket files itself: a function is told of each file.
    tickets_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = os.environ if environment is None else environment

        def required(name: str, meaning: str) -> str:
            value = env.get(name, "").strip()
            if not value:
                raise MissingSettingError(name, meaning)
            return value

        return cls(
            neo4j_uri=required("NEO4J_URI", "the Bolt address of the purchase graph, such as bolt://10.0.0.7:7687"),
            neo4j_user=env.get("NEO4J_USER", "").strip() or "neo4j",
            neo4j_password=required("NEO4J_PASSWORD", "the graph's password"),
            tickets_queue_url=required("TICKETS_QUEUE_URL", "the address of the queue that announces ticket files"),
            quarantine_bucket=required("QUARANTINE_BUCKET", "the name of the bucket for rejected rows"),
            ledger_table=required("LEDGER_TABLE", "the name of the DynamoDB table of receipts"),
            tickets_bucket=env.get("TICKETS_BUCKET", "").strip(),
        )

    def require_tickets_bucket(self) -> str:
        """The name of the bucket of ticket files; raises `MissingSettingError` when it was not set."""
        if not self.tickets_bucket:
            raise MissingSettingError("TICKETS_BUCKET", "the name of the bucket of ticket files")
        return self.tickets_bucket
