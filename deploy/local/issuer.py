"""Issuer of tokens for the HTTP API of an instance: a private key in its state, the public one in its local cloud.

The authorizer of the API fetches the public key from the issuer's address, as it would from Cognito: here that is a
bucket of the local cloud, which only this machine can reach.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from deploy.local.instance import Instance, LocalStackError, write_private
from pipeline_assets.access.caller import TENANT_CLAIM

if TYPE_CHECKING:
    import boto3

#: Bucket of the public key, and client that tokens are made for.
BUCKET = AUDIENCE = "cesta-issuer"
_ALGORITHM, _KEY_BITS = "RS256", 2048


def issuer_of(instance: Instance) -> str:
    """Address of the issuer, as its tokens name it."""
    return f"{instance.endpoint_url}/{BUCKET}"


def publish_issuer(session: boto3.Session, instance: Instance) -> None:
    """Put the public key where the authorizer looks for it; the key is made at the first time."""
    if not instance.issuer_key_file.exists():
        made = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_private(instance.issuer_key_file, made.private_bytes(*form).decode())
    issuer = issuer_of(instance)
    documents: dict[str, dict[str, Any]] = {
        "jwks.json": {"keys": [_public_key(instance)]},
        "openid-configuration": {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/.well-known/jwks.json",
            "id_token_signing_alg_values_supported": [_ALGORITHM],
        },
    }
    s3 = session.client("s3", endpoint_url=instance.endpoint_url)
    s3.create_bucket(Bucket=BUCKET)
    for name, document in documents.items():
        s3.put_object(
            Bucket=BUCKET,
            Key=f".well-known/{name}",
            Body=json.dumps(document).encode(),
            ContentType="application/json",
        )


def mint_token(instance: Instance, tenant: str, minutes: float, scopes: tuple[str, ...] = ()) -> str:
    """A token of a tenant, or of none where its name is empty; raises `LocalStackError` before the first start."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer_of(instance),
        "aud": AUDIENCE,
        "sub": "local",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + round(minutes * 60),
        **({TENANT_CLAIM: tenant} if tenant else {}),
        **({"scope": " ".join(scopes)} if scopes else {}),
    }
    return jwt.encode(claims, private_key(instance), _ALGORITHM, headers={"kid": _public_key(instance)["kid"]})


def private_key(instance: Instance) -> str:
    """The key that tokens are signed with; raises `LocalStackError` before the first start."""
    try:
        return instance.issuer_key_file.read_text(encoding="utf-8")
    except OSError:
        raise LocalStackError(f"nothing was ever started on {instance.state}: run `cesta up` first.") from None


def _public_key(instance: Instance) -> dict[str, Any]:
    key = serialization.load_pem_private_key(private_key(instance).encode(), password=None)
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))  # type: ignore[arg-type]
    thumbprint = str(uuid.uuid5(uuid.NAMESPACE_URL, public["n"]))
    return public | {"kid": thumbprint, "use": "sig", "alg": _ALGORITHM}
