"""What an export and the inbox work with, opened once per process; both hold the key of the tokens."""

from __future__ import annotations

from dataclasses import dataclass

import boto3
from botocore.config import Config

from pipeline_assets.events.ledger import Ledger
from pipeline_assets.events.quarantine import JsonLinesQuarantine
from pipeline_assets.privacy.cards import without_numbers
from pipeline_assets.privacy.tokens import TokenKey
from pipeline_assets.raw.loads import Loads
from pipeline_assets.raw.source import SourceDatabase
from pipeline_assets.settings import ExportSettings, InboxSettings
from pipeline_assets.storage.bucket import Bucket, Storage
from pipeline_assets.storage.s3 import open_storage

#: The flow of files that others deliver.
INBOX = "inbox"
_RETRYING = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=3, read_timeout=30)


@dataclass(frozen=True, slots=True)
class ExportStores:
    """What an export reads, where it writes, and the key of its tokens."""

    source: SourceDatabase
    loads: Loads
    key: TokenKey


def inbox_quarantine(bucket: Bucket) -> JsonLinesQuarantine:
    """The quarantine of the inbox: a foreign message may hold anything, so it is kept without numbers."""
    return JsonLinesQuarantine(bucket, INBOX, without_numbers)


@dataclass(frozen=True, slots=True)
class InboxStores:
    """Where foreign files come from, where they go, and the key of the tokens."""

    storage: Storage
    ledger: Ledger
    quarantine: JsonLinesQuarantine
    loads: Loads
    key: TokenKey


def open_stores(settings: ExportSettings) -> ExportStores:
    """The stores of an export; nothing of them has to be closed. Raises `SourceError` and `TokenKeyError`."""
    return ExportStores(
        SourceDatabase(settings.source_database_url),
        Loads(open_storage(_RETRYING).bucket(settings.raw_bucket)),
        TokenKey.from_text(settings.card_token_key_id, settings.card_token_key),
    )


def open_inbox_stores(settings: InboxSettings) -> InboxStores:
    """The stores of the inbox; nothing of them has to be closed. Raises `TokenKeyError`."""
    storage = open_storage(_RETRYING)
    dynamodb = boto3.client("dynamodb", config=_RETRYING)
    return InboxStores(
        storage,
        Ledger(dynamodb, settings.ledger_table),
        inbox_quarantine(storage.bucket(settings.quarantine_bucket)),
        Loads(storage.bucket(settings.raw_bucket)),
        TokenKey.from_text(settings.card_token_key_id, settings.card_token_key),
    )
