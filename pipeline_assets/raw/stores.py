"""Stores and settings of an export and of the inbox, opened once per process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
from botocore.config import Config

from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.events.settings import ledger_table, quarantine_bucket
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.loads import Loads
from pipeline_assets.raw.source import SourceDatabase
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

#: The flow of files that others deliver.
INBOX = "inbox"
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=30)


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """Settings of an export: source database, raw bucket, token key."""

    raw_bucket: str
    source_database_url: str = field(repr=False)
    card_token_key_id: str
    card_token_key: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Environment = None) -> ExportSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            raw_bucket=_raw_bucket(environment),
            source_database_url=required(
                environment,
                "SOURCE_DATABASE_URL",
                "the address of the source database, such as mysql://user:password@10.0.0.7:3306/shop",
            ),
            **_card_token_key(environment),
        )


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Settings of the inbox: queue, buckets, ledger, token key.

    `bucket` is empty where a process does not list the inbox itself: a function is sent an event for each file.
    """

    queue_url: str
    raw_bucket: str
    quarantine_bucket: str
    ledger_table: str
    card_token_key_id: str
    card_token_key: str = field(repr=False)
    bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> InboxSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            queue_url=required(environment, "INBOX_QUEUE_URL", "the address of the queue of the inbox"),
            raw_bucket=_raw_bucket(environment),
            quarantine_bucket=quarantine_bucket(environment),
            ledger_table=ledger_table(environment),
            **_card_token_key(environment),
            bucket=optional(environment, "INBOX_BUCKET"),
        )


def _raw_bucket(environment: Environment) -> str:
    return required(environment, "RAW_BUCKET", "the name of the bucket of raw objects")


def _card_token_key(environment: Environment) -> dict[str, str]:
    meant = "the key of card tokens: 32 bytes in hexadecimal or base64"
    return {
        "card_token_key_id": required(environment, "CARD_TOKEN_KEY_ID", "the id of the key of card tokens"),
        "card_token_key": required(environment, "CARD_TOKEN_KEY", meant),
    }


@dataclass(frozen=True, slots=True)
class ExportStores:
    """Stores of an export: source database, loads of the raw bucket, token key."""

    source: SourceDatabase
    loads: Loads
    key: TokenKey


def inbox_quarantine(bucket: Bucket) -> JsonLinesQuarantine:
    """Quarantine of the inbox: a foreign message may hold anything, so it is kept without numbers."""
    return JsonLinesQuarantine(bucket, INBOX, without_numbers)


@dataclass(frozen=True, slots=True)
class InboxStores:
    """Stores of the inbox: delivered files, ledger, quarantine, loads of the raw bucket, token key."""

    storage: Storage
    ledger: Ledger
    quarantine: JsonLinesQuarantine
    loads: Loads
    key: TokenKey


def open_stores(settings: ExportSettings) -> ExportStores:
    """Open the stores of an export; none has to be closed. Raises `SourceError` and `TokenKeyError`."""
    return ExportStores(
        SourceDatabase(settings.source_database_url),
        Loads(open_storage(_RETRYING).bucket(settings.raw_bucket)),
        TokenKey.from_text(settings.card_token_key_id, settings.card_token_key),
    )


@contextmanager
def open_inbox_stores(settings: InboxSettings) -> Iterator[InboxStores]:
    """Open the stores of the inbox; none has to be closed. Raises `TokenKeyError`."""
    storage = open_storage(_RETRYING)
    dynamodb = boto3.client("dynamodb", config=_RETRYING)
    yield InboxStores(
        storage,
        Ledger(dynamodb, settings.ledger_table),
        inbox_quarantine(storage.bucket(settings.quarantine_bucket)),
        Loads(storage.bucket(settings.raw_bucket)),
        TokenKey.from_text(settings.card_token_key_id, settings.card_token_key),
    )
