"""Stores of the door, opened once per process, and the settings that name them."""

from __future__ import annotations

from dataclasses import dataclass

import boto3
from botocore.config import Config

from pipeline_assets.access.caller import TokenRules
from pipeline_assets.access.limits import RequestLimits
from pipeline_assets.access.tenants import KnownTenants
from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.table_errors import transient
from pipeline_assets.privacy.tokens import TokenKey

#: A caller waits: a table that does not answer within seconds is down.
_QUICK = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=3)
_KEY_ID = "caller-1"


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """What the door goes by.

    Parameters
    ----------
    rules
        Which tokens are trusted.
    tenants_table, requests_table
        Names of the DynamoDB tables of tenants, and of counts of requests.
    requests_per_minute
        Limit of a tenant that has none of its own.
    key_secret
        Name or ARN of the secret with the key by which callers stand in logs: a long random text.
    """

    rules: TokenRules
    tenants_table: str
    requests_table: str
    requests_per_minute: int
    key_secret: str

    @classmethod
    def from_environment(cls, environment: Environment = None) -> AccessSettings:
        """Read the settings; raises `MissingSettingError` naming the first variable that is absent."""
        return cls(
            rules=TokenRules.from_environment(environment),
            tenants_table=required(environment, "TENANTS_TABLE", "the name of the DynamoDB table of tenants"),
            requests_table=required(environment, "REQUESTS_TABLE", "the name of the DynamoDB table of counts"),
            requests_per_minute=int(optional(environment, "REQUESTS_PER_MINUTE", "600")),
            key_secret=required(environment, "CALLER_KEY_SECRET", "the name of the secret with the key of callers"),
        )


@dataclass(frozen=True, slots=True)
class AccessStores:
    """What the door asks.

    Parameters
    ----------
    settings
        What it goes by.
    tenants
        The tenants.
    limits
        The counts of requests.
    key
        Key by which callers stand in logs.
    """

    settings: AccessSettings
    tenants: KnownTenants
    limits: RequestLimits
    key: TokenKey


def open_access(settings: AccessSettings) -> AccessStores:
    """Open the stores of the door.

    Parameters
    ----------
    settings
        What it goes by.

    Returns
    -------
    AccessStores
        Open while the process lives.

    Raises
    ------
    TransientError
        The key of callers cannot be read.
    """
    dynamodb = boto3.client("dynamodb", config=_QUICK)
    with transient("read the key of callers", "Secrets Manager"):
        secret = boto3.client("secretsmanager", config=_QUICK).get_secret_value(SecretId=settings.key_secret)
    return AccessStores(
        settings,
        KnownTenants(dynamodb, settings.tenants_table),
        RequestLimits(dynamodb, settings.requests_table),
        TokenKey(_KEY_ID, secret["SecretString"].encode()),
    )
