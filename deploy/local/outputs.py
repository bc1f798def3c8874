"""What any other program needs to use an instance: addresses, credentials and the names of what the template made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.local.instance import GRAPH_USER, Instance, LocalStackError, write_private
from deploy.local.instance_days import days_environment
from deploy.local.processes import direct_addresses
from deploy.stack import outputs_by_kind
from pipeline_assets import flows


def outputs_document(instance: Instance, stack: Mapping[str, str]) -> dict[str, Any]:
    """The document of `cesta outputs --json`: stable logical names in kebab case, boto3's own argument names.

    `stack` holds the outputs of the deployed template. The document holds the graph's password.
    """
    return {
        "region": REGION,
        "endpoint_url": instance.endpoint_url,
        "credentials": dict(CREDENTIALS),
        **outputs_by_kind(stack),
        "graph": {"uri": instance.graph_uri, "user": GRAPH_USER, "password": instance.graph_password()},
        "search": {"url": instance.search_url},
        "web": {"dagster": instance.dagster_url, "api": _api_url(instance, stack["WebApi"]), "page": instance.page_url},
    }


def _api_url(instance: Instance, endpoint: str) -> str:
    """Base address of the HTTP API for any client: a name like `<id>.execute-api.…` is resolved by few."""
    api_id, _, _ = str(urlsplit(endpoint).hostname).partition(".")
    return f"{instance.endpoint_url}/_aws/execute-api/{api_id}"


def environment_contract(instance: Instance, document: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a process that works with an instance: what the flows are given, boto3's own, Dagster's."""
    places = {**document, "token_key": instance.token_key()}
    return {
        "AWS_ENDPOINT_URL": document["endpoint_url"],
        "AWS_REGION": document["region"],
        "AWS_DEFAULT_REGION": document["region"],
        **{name.upper(): value for name, value in document["credentials"].items()},
        "AWS_EC2_METADATA_DISABLED": "true",
        **direct_addresses(),
        **{name: _at(place, places) for row in flows.FLOWS for name, place in row.environment.items()},
        "SOURCE_DATABASE_URL": f"sqlite:///{instance.source_database}",
        "ATHENA_WORKGROUP": document["workgroups"]["lake"],
        # The local cloud's own Athena reads neither partitions nor Athena's dialect.
        "SQL_ENGINE": "duckdb",
        "QUARANTINE_BUCKET": document["buckets"]["quarantine"],
        "LEDGER_TABLE": document["tables"]["ledger"],
        "TENANTS_TABLE": document["tables"]["tenants"],
        "ASKED_QUERIES_TABLE": document["tables"]["asked-queries"],
        "ELASTICSEARCH_URL": document["search"]["url"],
        "DAGSTER_HOME": str(instance.dagster_home),
        **days_environment(instance),
    }


def _at(place: str, document: Mapping[str, Any]) -> str:
    """What a document holds at a place such as ``queues.tickets``."""
    group, name = place.split(".")
    return cast("str", document[group][name])


def save_outputs(instance: Instance, stack: Mapping[str, str]) -> dict[str, Any]:
    """Write the document into the state directory, readable by its owner alone, and return it."""
    document = outputs_document(instance, stack)
    write_private(instance.outputs_file, json.dumps(document, indent=2))
    return document


def read_outputs(instance: Instance) -> dict[str, Any]:
    """The document as the last start wrote it; raises `LocalStackError` when the instance was never started."""
    try:
        document: dict[str, Any] = json.loads(instance.outputs_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise LocalStackError(f"nothing was ever started on {instance.state}: run `cesta up` first.") from None
    return document
