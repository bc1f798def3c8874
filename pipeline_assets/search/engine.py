"""The engine of a tenant's indexes, opened by its address and the name of its credential."""

from __future__ import annotations

import json

import boto3

from pipeline_assets.events.environment import Environment, optional, required
from pipeline_assets.events.table_errors import transient
from pipeline_assets.search.elasticsearch_index import ElasticsearchIndex

#: A caller waits, and API Gateway for thirty seconds.
_PATIENCE = 20.0


def open_engine(endpoint: str = "", secret: str = "", environment: Environment = None) -> ElasticsearchIndex:
    """Open the engine that has the indexes of a tenant.

    Parameters
    ----------
    endpoint
        Its address; the shared engine's, ``ELASTICSEARCH_URL``, where it is empty.
    secret
        Name of a secret in Secrets Manager that holds ``{"api_key": "..."}``, a key for this tenant alone;
        the shared engine's key, ``ELASTICSEARCH_API_KEY``, where it is empty and so is the address.
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
        The secret cannot be read now.
    """
    url = endpoint or required(environment, "ELASTICSEARCH_URL", "the address of the search engine")
    if secret:
        with transient("read the credential of an index", "Secrets Manager"):
            held = boto3.client("secretsmanager").get_secret_value(SecretId=secret)
        key = str(json.loads(held["SecretString"])["api_key"])
    else:
        key = "" if endpoint else optional(environment, "ELASTICSEARCH_API_KEY")
    return ElasticsearchIndex.open(url, api_key=key, seconds=_PATIENCE)
