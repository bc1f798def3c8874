"""The HTTP API of a running instance, asked over HTTP with any token and any path."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.issuer import AUDIENCE, issuer_of, mint_token, private_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy.local.instance import Instance
    from tests.worlds.stack import RunningStack

#: Placeholders of paths other than the tenant.
FILLED = {"id": "0", "name": "none"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the API describes it."""

    method: str
    path: str
    scope: str

    @property
    def of_tenant(self) -> bool:
        return "{tenant_id}" in self.path

    def at(self, tenant: str) -> str:
        path = self.path.replace("{tenant_id}", tenant)
        for name, value in FILLED.items():
            path = path.replace(f"{{{name}}}", value)
        return path


@dataclass(frozen=True)
class Api:
    address: str

    def ask(
        self, method: str, path: str, token: str | None = None, body: bytes | None = None, **headers: str
    ) -> Answer:
        """Send a request as it is: the path is neither normalised nor escaped."""
        place = urlsplit(self.address)
        connection = HTTPConnection(str(place.hostname), place.port or 80, timeout=60)
        given = {"Content-Type": "application/json"} if body is not None else {}
        given |= {"Authorization": f"Bearer {token}"} if token is not None else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, place.path + path, body=body, headers=given)
            answer = connection.getresponse()
            return Answer(answer.status, {n.lower(): v for n, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def operations(self) -> list[Operation]:
        """Everything that the deployed API says there is, but for what asks for no token."""
        return list(operations_of(self.ask("GET", "/openapi.json").document()))


def operations_of(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            if told["security"]:
                yield Operation(method.upper(), path, told.get("x-scope", ""))


def api_of(cloud: RunningStack) -> Api:
    return Api(cloud.outputs["web"]["api"])


def claims(instance: Instance, tenant: str, **others: Any) -> dict[str, Any]:
    now = int(time.time())
    own = {"iss": issuer_of(instance), "aud": AUDIENCE, "sub": "test", "iat": now, "exp": now + 600}
    return own | {"custom:tenant_id": tenant} | others


def signed(instance: Instance, payload: Mapping[str, Any], key: Any = None, **headers: Any) -> str:
    known = jwt.get_unverified_header(mint_token(instance, "any", 1))
    form = {"kid": known["kid"], **headers}
    algorithm = form.pop("alg", "RS256")
    made = private_key(instance) if key is None else key
    return jwt.encode(dict(payload), made, algorithm, headers=form)


def untrusted_tokens(instance: Instance, tenant: str) -> dict[str, str | None]:
    """Tokens that nobody may be let in by, with what is wrong with them."""
    # With every right, so that nothing but what is wrong with them keeps them out.
    now, own = int(time.time()), claims(instance, tenant) | {"scope": "cesta/queries"}
    foreign = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    good = signed(instance, own)
    header, _, signature = good.split(".")
    return {
        "missing": None,
        "empty": "",
        "no token": "nonsense",
        "three dots": "..",
        "forged": signed(instance, own, foreign),
        "of an unknown key": signed(instance, own, foreign, kid="another"),
        "tampered with": f"{header}.{_part(claims(instance, 'globex'))}.{signature}",
        "expired": signed(instance, own | {"exp": now - 5}),
        "without an end": signed(instance, {name: value for name, value in own.items() if name != "exp"}),
        "not yet": signed(instance, own | {"nbf": now + 600}),
        "of another issuer": signed(instance, own | {"iss": "https://elsewhere.example"}),
        "without an issuer": signed(instance, {name: value for name, value in own.items() if name != "iss"}),
        "for another client": signed(instance, own | {"aud": "another"}),
        "for no client": signed(instance, {name: value for name, value in own.items() if name != "aud"}),
        "alg none": f"{_part({'alg': 'none', 'kid': jwt.get_unverified_header(good)['kid']})}.{_part(own)}.",
        "alg none with the old signature": f"{_part({'alg': 'none'})}.{_part(own)}.{signature}",
        "signed with a secret": signed(instance, own, "secret" * 8, alg="HS256"),
        "with a list for a header": f"{_part([])}.{_part(own)}.{signature}",
        "with a list for claims": f"{header}.{_part([])}.{signature}",
    }


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
