"""The environment contract: what a process of Cesta reads from its environment, and nothing else.

Each flow has its own settings, so that a function needs only what its work needs. boto3 reads its own variables
(`AWS_ENDPOINT_URL`, `AWS_REGION`, credentials) itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pipeline_assets.errors import UserError

Environment = Mapping[str, str] | None


class MissingSettingError(UserError):
    """Raised when a required environment variable is unset or empty."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__(f"environment variable {name} is not set: it must hold {meaning}")
        self.name = name


class UnknownSettingError(MissingSettingError):
    """Raised when an environment variable holds none of the values that there are."""

    def __init__(self, name: str, value: str, known: str) -> None:
        UserError.__init__(self, f"environment variable {name} is {value!r}: it must be {known}")
        self.name = name


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """Where the receipts of all flows are."""

    ledger_table: str

    @classmethod
    def from_environment(cls, environment: Environment = None) -> LedgerSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(_ledger_table(_variables(environment)))


@dataclass(frozen=True, slots=True)
class TicketSettings:
    """Where the stores of the ticket flow are."""

    neo4j_uri: str
    neo4j_user: str
    neo4j_password: str = field(repr=False)
    tickets_queue_url: str
    quarantine_bucket: str
    ledger_table: str
    #: Empty where a process does not look into the bucket of ticket files itself: a function is told of each file.
    tickets_bucket: str = ""
    #: How long after midnight UTC the day begins that a purchase belongs to.
    day_begins: timedelta = timedelta()

    @classmethod
    def from_environment(cls, environment: Environment = None) -> TicketSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        return cls(
            neo4j_uri=_required(
                env, "NEO4J_URI", "the Bolt address of the purchase graph, such as bolt://10.0.0.7:7687"
            ),
            neo4j_user=_optional(env, "NEO4J_USER", "neo4j"),
            neo4j_password=_required(env, "NEO4J_PASSWORD", "the graph's password"),
            tickets_queue_url=_required(env, "TICKETS_QUEUE_URL", "the address of the queue of ticket files"),
            quarantine_bucket=_quarantine_bucket(env),
            ledger_table=_ledger_table(env),
            tickets_bucket=_optional(env, "TICKETS_BUCKET"),
            day_begins=_day_begins(env),
        )

    def require_tickets_bucket(self) -> str:
        """The name of the bucket of ticket files; raises `MissingSettingError` when it was not set."""
        if not self.tickets_bucket:
            raise MissingSettingError("TICKETS_BUCKET", "the name of the bucket of ticket files")
        return self.tickets_bucket


@dataclass(frozen=True, slots=True)
class StockSettings:
    """Where the stores of the stock feed are."""

    stocks_queue_url: str
    quarantine_bucket: str
    ledger_table: str
    stock_table: str = "StockData"
    #: Empty where a process does not look into the bucket of price files itself: a function is told of each file.
    stocks_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> StockSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        return cls(
            stocks_queue_url=_required(env, "STOCKS_QUEUE_URL", "the address of the queue of price files"),
            quarantine_bucket=_quarantine_bucket(env),
            ledger_table=_ledger_table(env),
            stock_table=_optional(env, "TABLE_NAME", "StockData"),
            stocks_bucket=_optional(env, "STOCKS_BUCKET"),
        )


@dataclass(frozen=True, slots=True)
class CurationSettings:
    """Where the raw and the curated objects of the lake are."""

    raw_bucket: str
    curated_bucket: str
    quarantine_bucket: str
    ledger_table: str
    #: Empty where no SQL tables are to be told of new days.
    lake_database: str = ""
    #: Empty where a process does not look into the queue itself: a function is handed its messages.
    raw_queue_url: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> CurationSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        return cls(
            raw_bucket=_required(env, "RAW_BUCKET", "the name of the bucket of raw objects"),
            curated_bucket=_required(env, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=_quarantine_bucket(env),
            ledger_table=_ledger_table(env),
            lake_database=_optional(env, "LAKE_DATABASE"),
            raw_queue_url=_optional(env, "RAW_QUEUE_URL"),
        )


@dataclass(frozen=True, slots=True)
class QuerySettings:
    """How SQL on the lake is answered: by Athena in a workgroup, or by DuckDB over the buckets."""

    engine: str
    database: str = ""
    workgroup: str = ""
    curated_bucket: str = ""
    quarantine_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> QuerySettings:
        """Read what the engine needs; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        engine = _optional(env, "SQL_ENGINE", "athena")
        if engine == "athena":
            return cls(
                engine,
                database=_required(env, "LAKE_DATABASE", "the name of the lake's SQL database"),
                workgroup=_required(env, "ATHENA_WORKGROUP", "the name of the Athena workgroup to query the lake in"),
            )
        if engine != "duckdb":
            raise UnknownSettingError("SQL_ENGINE", engine, "athena or duckdb")
        return cls(
            engine,
            database=_optional(env, "LAKE_DATABASE", ""),
            curated_bucket=_required(env, "CURATED_BUCKET", "the name of the bucket of curated days"),
            quarantine_bucket=_quarantine_bucket(env),
        )


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """The source database, where its exports go, and the key of their tokens."""

    raw_bucket: str
    source_database_url: str = field(repr=False)
    card_token_key_id: str
    card_token_key: str = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Environment = None) -> ExportSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        return cls(
            raw_bucket=_raw_bucket(env),
            source_database_url=_required(
                env,
                "SOURCE_DATABASE_URL",
                "the address of the source database, such as mysql://user:password@10.0.0.7:3306/shop",
            ),
            **_card_token_key(env),
        )


@dataclass(frozen=True, slots=True)
class InboxSettings:
    """Where foreign files arrive, where they go without personal data, and the key of their tokens."""

    inbox_queue_url: str
    raw_bucket: str
    quarantine_bucket: str
    ledger_table: str
    card_token_key_id: str
    card_token_key: str = field(repr=False)
    #: Empty where a process does not look into the inbox itself: a function is told of each file.
    inbox_bucket: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> InboxSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        env = _variables(environment)
        return cls(
            inbox_queue_url=_required(env, "INBOX_QUEUE_URL", "the address of the queue of the inbox"),
            raw_bucket=_raw_bucket(env),
            quarantine_bucket=_quarantine_bucket(env),
            ledger_table=_ledger_table(env),
            **_card_token_key(env),
            inbox_bucket=_optional(env, "INBOX_BUCKET"),
        )


def _variables(environment: Environment) -> Mapping[str, str]:
    return os.environ if environment is None else environment


def _optional(env: Mapping[str, str], name: str, default: str = "") -> str:
    return env.get(name, "").strip() or default


def _required(env: Mapping[str, str], name: str, meaning: str) -> str:
    value = _optional(env, name)
    if not value:
        raise MissingSettingError(name, meaning)
    return value


def quarantine_bucket(environment: Environment = None) -> str:
    """The bucket of what was rejected; raises `MissingSettingError` when the environment does not name it."""
    return _quarantine_bucket(_variables(environment))


def _quarantine_bucket(env: Mapping[str, str]) -> str:
    return _required(env, "QUARANTINE_BUCKET", "the name of the bucket for rejected rows")


def _day_begins(env: Mapping[str, str]) -> timedelta:
    name, text = "TICKETS_DAY_BEGINS", _optional(env, "TICKETS_DAY_BEGINS", "00:00")
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise UnknownSettingError(name, text, "a time of day in UTC such as 00:00 or 06:30")
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def _ledger_table(env: Mapping[str, str]) -> str:
    return _required(env, "LEDGER_TABLE", "the name of the DynamoDB table of receipts")


def _raw_bucket(env: Mapping[str, str]) -> str:
    return _required(env, "RAW_BUCKET", "the name of the bucket of raw objects")


def _card_token_key(env: Mapping[str, str]) -> dict[str, str]:
    return {
        "card_token_key_id": _required(env, "CARD_TOKEN_KEY_ID", "the id of the key of card tokens"),
        "card_token_key": _required(env, "CARD_TOKEN_KEY", "the key of card tokens: 32 bytes in hexadecimal or base64"),
    }
