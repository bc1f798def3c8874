"""Settings that the stores of all flows share: the table of receipts and the bucket of what was rejected."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline_assets.events.environment import Environment, required


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where the receipts of all flows are."""

    ledger_table: str

    @classmethod
    def from_environment(cls, environment: Environment = None) -> LedgerSettings:
        """Read the settings; raises `MissingSettingError`."""
        return cls(ledger_table(environment))


def ledger_table(environment: Environment = None) -> str:
    """Name of the DynamoDB table of receipts; raises `MissingSettingError`."""
    return required(environment, "LEDGER_TABLE", "the name of the DynamoDB table of receipts")


def quarantine_bucket(environment: Environment = None) -> str:
    """Name of the bucket of what was rejected; raises `MissingSettingError`."""
    return required(environment, "QUARANTINE_BUCKET", "the name of the bucket for rejected rows")
