"""Questions to the index of a tenant."""

from __future__ import annotations

from pipeline_assets.events.tenants import TenantId
from pipeline_assets.search.index import SearchReader
from pipeline_assets.search.request import SearchAnswer, SearchRequest


def find(
    request: SearchRequest, tenant: TenantId, index: SearchReader, *, stage: str, secret: bytes = b""
) -> SearchAnswer:
    """Search the documents of a tenant.

    Parameters
    ----------
    request
        What is asked.
    tenant
        Whose documents are searched, and nobody else's.
    index
        The engine.
    stage
        Stage of the deployment, which is part of the names of indexes.
    secret
        Key that page tokens are signed with, the same in every process that answers.

    Returns
    -------
    SearchAnswer
        The answer; without hits where the tenant has no index.

    Raises
    ------
    PageTokenError
        The page token is not one of this search of this tenant.
    TransientError
        The engine does not answer, or is overloaded.
    """
    raise NotImplementedError
