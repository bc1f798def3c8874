"""The index in Elasticsearch, by its official client; the embedded engine of an instance speaks the same protocol."""

from __future__ import annotations

from typing import Any, Final

from pipeline_assets.search.elasticsearch_documents import ElasticsearchDocuments
from pipeline_assets.search.elasticsearch_generations import ElasticsearchGenerations

#: Seconds after which a request is given up.
TIMEOUT: Final = 30.0


class ElasticsearchIndex(ElasticsearchDocuments, ElasticsearchGenerations):
    """Indexes of one engine, with all that is done to them."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        api_key: str = "",
        user: tuple[str, str] | None = None,
        authority: str = "",
        seconds: float = TIMEOUT,
    ) -> ElasticsearchIndex:
        """Open the engine at an address; nothing is asked of it yet.

        Parameters
        ----------
        url
            ``http://host:port`` or ``https://…``.
        api_key
            Key that is sent with each request; none unless given.
        user
            Name and password that are sent in its place.
        authority
            Path of the certificate of the one authority that may have signed the engine's; any public one unless given.
        seconds
            After which a request is given up.

        Returns
        -------
        ElasticsearchIndex
            The engine.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - half a second that only who opens it pays

        asking: dict[str, Any] = {"api_key": api_key or None, "basic_auth": None if api_key else user}
        if authority and url.startswith("https:"):
            asking["ca_certs"] = authority
        return cls(Elasticsearch(url, request_timeout=seconds, max_retries=0, **asking))
