"""The engine of a tenant's indexes, opened by its address, its credential and who signs its certificate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from pipeline_assets.errors import UserError
from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.table_errors import BusyError, failure_of, transient
from pipeline_assets.search.authorities import authority_file, check_authority
from pipeline_assets.search.elasticsearch_index import TIMEOUT, ElasticsearchIndex
from pipeline_assets.search.engines import UnusableEngineError

#: A caller waits, and API Gateway for thirty seconds.
_PATIENCE = 20.0
_CA_FILE: Final = "ELASTICSEARCH_CA_FILE"
_OF_THE_SERVER: Final = 500


@dataclass(frozen=True, slots=True)
class EngineCredential:
    """By what an engine lets somebody in, and by what it is known itself.

    Parameters
    ----------
    api_key
        A key; empty for a user, or where the engine asks for none.
    user, password
        A user; empty for a key.
    authority
        Path of the certificate of who signs the engine's; empty for the public authorities.
    """

    api_key: str = ""
    user: str = ""
    password: str = ""
    authority: str = ""

    def open(self, url: str, seconds: float) -> ElasticsearchIndex:
        """Open the engine at an address; nothing is asked of it yet.

        Parameters
        ----------
        url
            Its address.
        seconds
            After which a request is given up.

        Returns
        -------
        ElasticsearchIndex
            The engine.
        """
        user = (self.user, self.password) if self.user else None
        return ElasticsearchIndex.open(url, api_key=self.api_key, user=user, authority=self.authority, seconds=seconds)


@dataclass(frozen=True, slots=True)
class SharedEngine:
    """The engine of all tenants without one of their own.

    Parameters
    ----------
    url
        Its address.
    api_key
        Key to its indexes; empty where the secret has a credential, or where it asks for none.
    secret
        Name or ARN of a secret in Secrets Manager that holds ``{"user", "password"}`` or ``{"api_key"}``, and under
        ``ca`` the certificate of the authority that signs the engine's, where no public one does; may be empty.
    ca_file
        Path of the certificate of that authority, where no secret has it; empty for the public authorities.
    """

    url: str
    api_key: str = ""
    secret: str = ""
    ca_file: str = ""

    @classmethod
    def from_environment(cls, environment: Environment = None) -> Self:
        """Read the settings; raises `MissingSettingError` where there is no address."""
        return cls(
            required(environment, "ELASTICSEARCH_URL", "the address of the search engine"),
            optional(environment, "ELASTICSEARCH_API_KEY"),
            optional(environment, "ELASTICSEARCH_SECRET"),
            optional(environment, _CA_FILE),
        )

    def credential(self) -> EngineCredential:
        """Read by what the engine lets this deployment in.

        Returns
        -------
        EngineCredential
            That of the secret, else the key.

        Raises
        ------
        TransientError
            The secret cannot be read now.
        UserError
            A secret holds no credential, or what is to be the certificate of an authority is none.
        """
        authority = ""
        if self.ca_file:
            where = f"{_CA_FILE} ({self.ca_file})"
            try:
                check_authority(Path(self.ca_file).read_text(encoding="utf-8"), where)
            except OSError as error:
                raise UserError(f"it cannot be read: {error.strerror}", where=where) from error
            authority = self.ca_file
        return (
            _credential(self.secret, authority) if self.secret else EngineCredential(self.api_key, authority=authority)
        )

    def open(self, seconds: float = TIMEOUT) -> ElasticsearchIndex:
        """Open it; nothing is asked of it yet.

        Parameters
        ----------
        seconds
            After which a request is given up.

        Returns
        -------
        ElasticsearchIndex
            The engine.

        Raises
        ------
        TransientError
            The secret cannot be read now.
        UserError
            A secret holds no credential, or what is to be the certificate of an authority is none.
        """
        return self.credential().open(self.url, seconds)

    def is_beside(self, endpoint: str) -> bool:
        """Whether an address is on this engine's host, where all containers have the same users and authority."""
        return not endpoint or urlsplit(endpoint).hostname == urlsplit(self.url).hostname


def open_engine(endpoint: str = "", secret: str = "", environment: Environment = None) -> ElasticsearchIndex:
    """Open the engine that has the indexes of a tenant.

    Parameters
    ----------
    endpoint
        Its address; the shared engine's, ``ELASTICSEARCH_URL``, where it is empty.
    secret
        Name of a secret in Secrets Manager that holds ``{"api_key": "..."}``, a key for this tenant alone, and for an
        engine on another host than the shared one's it may have ``ca``; where it is empty, the shared engine's
        credential opens what is on its host, and none what is elsewhere.
    environment
        Where the variables are looked up.

    Returns
    -------
    ElasticsearchIndex
        The engine; nothing is asked of it yet.

    Raises
    ------
    MissingSettingError
        There is no address.
    TransientError
        A secret cannot be read now.
    UserError
        A secret holds no credential, or what is to be the certificate of an authority is none.
    """
    shared = SharedEngine.from_environment(environment)
    beside = shared.credential() if shared.is_beside(endpoint) else EngineCredential()
    credential = _credential(secret, beside.authority) if secret else beside
    return credential.open(endpoint or shared.url, _PATIENCE)


def _credential(secret: str, authority: str) -> EngineCredential:
    """What a secret holds, with an authority for one that names none."""
    with transient("read the credential of an index", "Secrets Manager"):
        try:
            text = boto3.client("secretsmanager").get_secret_value(SecretId=secret).get("SecretString", "")
        except ClientError as error:
            if failure_of(error) is BusyError or error.response["ResponseMetadata"]["HTTPStatusCode"] >= _OF_THE_SERVER:
                raise
            # It answers, of this secret alone: that it is not there, or not for this deployment.
            raise UnusableEngineError(f"the secret {secret} is not to be had: {error}") from error
    held = _object(text)
    if held is None:
        raise UserError("it holds no object in JSON", where=f"the secret {secret}", expected='{"api_key": "…"}')
    if pem := held.get("ca"):
        authority = authority_file(str(pem), f"the secret {secret}, under ca")
    key, user, password = (str(held.get(name) or "") for name in ("api_key", "user", "password"))
    return EngineCredential(key, user, password, authority)


def _object(text: str) -> dict[str, Any] | None:
    """The object that a text tells in JSON; what is wrong with another text is not said, since it is a secret."""
    try:
        held = json.loads(text)
    except ValueError:
        return None
    return held if isinstance(held, dict) else None
