"""Secrets of a search host: made before the stack, and made again where the certificate is renewed."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from deploy.search_host.certificates import Certificate, issue_certificate, make_authority
from deploy.search_host.names import Holder, host_name, secret_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

#: What the code does with an index.
_INDEX: Final = ("read", "write", "create_index", "manage")
_PURPOSES: Final[Mapping[Holder, str]] = {
    "host": "Certificate and users of the search host; the host alone reads it.",
    "functions": "How functions and Dagster ask the search host.",
    "operator": "How whoever runs the deployment asks the search host: may issue keys to tenants.",
    "authority": "Key of the authority that signs the search host's certificate; nothing that runs reads it.",
}


def write_secrets(client: SecretsManagerClient, stage: str) -> list[str]:
    """Make the secrets of a stage's search host, or renew its certificate where they are there.

    An authority and users that are there stay as they are, so that whoever asks the host need not learn anything. To be
    rid of an authority whose key is known, delete its secret first. Returns the names of the secrets.
    """
    host = host_name(stage)
    known: dict[Holder, dict[str, Any]] = {holder: _read(client, secret_name(stage, holder)) for holder in _PURPOSES}
    authority = Certificate(**known["authority"]) if known["authority"] else make_authority(host)
    users = {holder: known[holder].get("password") or _password() for holder in ("functions", "operator")}
    asking: dict[Holder, dict[str, Any]] = {
        holder: {"user": f"cesta-{holder}", "password": users[holder], "ca": authority.certificate}
        for holder in ("functions", "operator")
    }
    host_secret = {
        **asdict(issue_certificate(authority, host)),
        "ca": authority.certificate,
        "elastic": known["host"].get("elastic") or _password(),
        "roles": {f"cesta-{holder}": role for holder, role in roles(stage).items()},
        "users": {
            f"cesta-{holder}": {"password": users[holder], "roles": [f"cesta-{holder}"]} for holder in roles(stage)
        },
    }
    # First what others are to be trusted by, last what is trusted.
    written: dict[Holder, dict[str, Any]] = {"authority": asdict(authority), **asking, "host": host_secret}
    for holder, value in written.items():
        _write(client, secret_name(stage, holder), value, _PURPOSES[holder])
    return [secret_name(stage, holder) for holder in written]


def roles(stage: str) -> dict[Holder, dict[str, Any]]:
    """What each user of the engine may do: the indexes of the stage, and for the operator also keys to them."""
    names = [f"cesta-{stage}-*", f"building-cesta-{stage}-*"]
    indices = [{"names": names, "privileges": list(_INDEX)}]
    return {
        "functions": {"cluster": [], "indices": indices},
        "operator": {"cluster": ["manage_api_key"], "indices": indices},
    }


def _password() -> str:
    return secrets.token_urlsafe(32)


def _read(client: SecretsManagerClient, name: str) -> dict[str, Any]:
    try:
        held: dict[str, Any] = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        return {}
    return held


def _write(client: SecretsManagerClient, name: str, value: dict[str, Any], purpose: str) -> None:
    text = json.dumps(value)
    try:
        client.create_secret(Name=name, SecretString=text, Description=purpose)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=name, SecretString=text)
