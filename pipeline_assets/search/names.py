"""Names of indexes: one alias per stage, kind and tenant, which no other stage, kind or tenant can have.

Behind an alias lies one *generation* of the index, made anew by each rebuild. Names of indexes have no capital letters,
while ids of tenants do, so ids are encoded. An encoded tenant has no hyphen, and neither has a stage or a kind: the
parts of a name can be told apart, and ``<alias>-*`` are the generations of one tenant and of no other.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final, Literal

from pipeline_assets.events.tenants import TenantId

#: What is searched for, by the words of the endpoints.
Kind = Literal["products", "purchases"]
KINDS: Final[tuple[Kind, ...]] = ("products", "purchases")

_PLAIN: Final = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_OTHER: Final = re.compile(r"[^a-z0-9_]", re.ASCII)
_SHOWN, _HASHED = 31, 32
_GENERATION: Final = re.compile(r"[0-9]{6,}", re.ASCII)


def alias(stage: str, kind: Kind, tenant: TenantId) -> str:
    """Name of the index of a tenant, by which it is written and searched.

    Parameters
    ----------
    stage
        Stage of the deployment.
    kind
        What is in it.
    tenant
        The tenant, as `pipeline_assets.events.tenants.tenant_id` encodes it.

    Returns
    -------
    str
        Lower-case letters, digits, ``_``, ``-`` and ``.``, at most 96 of them with the stages that the template takes.

    Examples
    --------
    >>> from pipeline_assets.events.tenants import tenant_id
    >>> alias("dev", "products", tenant_id("tienda_norte"))
    'cesta-dev-products-tienda_norte'
    >>> alias("dev", "products", tenant_id("Tienda-Norte"))
    'cesta-dev-products-tienda_norte.8286d6c28f2b0d1c18dc3468a7dcd42f'
    """
    return f"cesta-{stage}-{kind}-{encoded(tenant)}"


@lru_cache(maxsize=1024)
def encoded(tenant: TenantId) -> str:
    """Encode a tenant as part of an index's name.

    Parameters
    ----------
    tenant
        The tenant.

    Returns
    -------
    str
        The tenant itself where it has only lower-case letters, digits and ``_``; else its beginning in lower case, then
        a point and 128 bits of its SHA-256 as hexadecimal digits.
    """
    if _PLAIN.fullmatch(tenant):
        return tenant
    digest = hashlib.sha256(tenant.encode()).hexdigest()[:_HASHED]
    return f"{_OTHER.sub('_', tenant[:_SHOWN].lower())}.{digest}"


def index_name(alias_name: str, generation: int) -> str:
    """Name of one generation of the index behind an alias; generations are counted from 1."""
    return f"{alias_name}-{generation:06d}"


def generation_of(alias_name: str, index: str) -> int | None:
    """Which generation an index behind an alias is; None for one that `index_name` did not name."""
    number = index.removeprefix(f"{alias_name}-")
    return int(number) if number != index and _GENERATION.fullmatch(number) else None


def building(index: str) -> str:
    """Alias of a generation that is being built and is behind no other yet."""
    return f"building-{index}"
