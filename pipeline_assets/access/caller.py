"""Caller of the HTTP API: what the claims of a verified token say of who asks, and of whose data may be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.tenants import TenantId, tenant_id

#: Claim of the tenant in tokens of a Cognito user pool.
TENANT_CLAIM = "custom:tenant_id"
#: Longest text that is taken for the name of a tenant.
LONGEST_TENANT = 256


class NotKnownError(Exception):
    """The claims are not those of a token that this API trusts; the message never quotes one."""


class NotAllowedError(Exception):
    """The caller is known, and what is asked for is not theirs."""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token has to say to be trusted.

    Parameters
    ----------
    issuer
        The one issuer, as in the claim ``iss``.
    audiences
        Clients that tokens may be made for: the claim ``aud`` of identity tokens, ``client_id`` of access tokens.
    tenant_claim
        Name of the claim that holds the tenant.
    """

    issuer: str
    audiences: frozenset[str]
    tenant_claim: str = TENANT_CLAIM

    @classmethod
    def from_environment(cls, environment: Environment = None) -> TokenRules:
        """Read the rules; raises `MissingSettingError` naming the first variable that is absent."""
        audiences = required(environment, "TOKEN_AUDIENCE", "the clients that tokens are made for, with commas between")
        return cls(
            issuer=required(environment, "TOKEN_ISSUER", "the issuer of tokens, as in their claim iss"),
            audiences=frozenset(each.strip() for each in audiences.split(",")),
            tenant_claim=optional(environment, "TENANT_CLAIM", TENANT_CLAIM),
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Parameters
    ----------
    subject
        The person or program, as their issuer names them; personal, so it is nowhere written down.
    tenant
        Name of the tenant whose data they may ask for; empty where the token names none.
    scopes
        What they may do beyond that.
    """

    subject: str
    tenant: str
    scopes: frozenset[str]

    def of_tenant(self, name: str) -> TenantId:
        """The caller's own tenant, where that is the one they name.

        Parameters
        ----------
        name
            The tenant as it is written in the path.

        Returns
        -------
        TenantId
            Their tenant, as keys and names of indexes have it.

        Raises
        ------
        NotAllowedError
            Another tenant is named, whether there is one or not, or the token names none.
        """
        if not self.tenant or name != self.tenant:
            raise NotAllowedError("the token is not one of this tenant")
        return tenant_id(self.tenant)

    def require(self, scope: str) -> None:
        """Let those pass who have a scope.

        Parameters
        ----------
        scope
            Name of the scope.

        Raises
        ------
        NotAllowedError
            The token has no such scope.
        """
        if scope not in self.scopes:
            raise NotAllowedError(f"the token lacks the scope {scope}")


def read_caller(claims: Mapping[str, object], rules: TokenRules, now: float) -> Caller:
    """Read who asks from the claims of a token whose signature was verified.

    The gateway has tested issuer, audience and time as well. They are tested again, so that a route whose authorizer
    was set up for another issuer or for no audience lets nobody in.

    Parameters
    ----------
    claims
        Claims as API Gateway hands them on, each a text.
    rules
        What is trusted.
    now
        Seconds since 1970.

    Returns
    -------
    Caller
        Who asks.

    Raises
    ------
    NotKnownError
        The claims are missing, are another issuer's or another client's, or have expired.
    """
    if claims.get("iss") != rules.issuer:
        raise NotKnownError("the token is another issuer's")
    if rules.audiences.isdisjoint(_values(claims.get("aud") or claims.get("client_id"))):
        raise NotKnownError("the token was made for another client")
    if not _seconds(claims.get("exp")) > now:
        raise NotKnownError("the token has expired")
    subject, tenant = claims.get("sub"), claims.get(rules.tenant_claim, "")
    if not isinstance(subject, str) or not subject:
        raise NotKnownError("the token names nobody")
    if not isinstance(tenant, str) or len(tenant) > LONGEST_TENANT:
        raise NotKnownError("the token names no tenant that there can be")
    scopes = claims.get("scope", "")
    return Caller(subject, tenant, frozenset(scopes.split() if isinstance(scopes, str) else ()))


def _values(claim: object) -> frozenset[str]:
    """Texts of a claim; API Gateway hands a list on as its items in brackets, with blanks between."""
    if not isinstance(claim, str):
        return frozenset()
    listed = claim[1:-1].split() if claim.startswith("[") and claim.endswith("]") else [claim]
    return frozenset(listed)


def _seconds(claim: object) -> float:
    """A time; one that nobody reaches where it is none."""
    text = str(claim)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else float("-inf")  # noqa: PLR2004 - of a time in any century
