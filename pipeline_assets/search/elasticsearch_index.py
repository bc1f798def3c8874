"""The index in Elasticsearch, by its official client; the embedded engine of an instance speaks the same protocol."""

from __future__ import annotations

from typing import Final

from pipeline_assets.search.elasticsearch_documents import ElasticsearchDocuments
from pipeline_assets.search.elasticsearch_generations import ElasticsearchGenerations

#: Seconds after which a request is given up.
TIMEOUT: Final = 30.0


class ElasticsearchIndex(ElasticsearchDocuments, ElasticsearchGenerations):
    """Indexes of one engine, with all that is done to them."""

    @classmethod
    def open(cls, url: str, *, api_key: str = "", seconds: float = TIMEOUT) -> ElasticsearchIndex:
        """Open the engine at an address; nothing is asked of it yet.

        Parameters
        ----------
        url
            ``http://host:port`` or ``https://…``.
        api_key
            Key that is sent with each request; none unless given.
        seconds
            After which a request is given up.

        Returns
        -------
        ElasticsearchIndex
            The engine.
        """
        from elasticsearch import Elasticsearch  # noqa: PLC0415 - half a second that only who opens it pays

        return cls(Elasticsearch(url, api_key=api_key or None, request_timeout=seconds, max_retries=0))
