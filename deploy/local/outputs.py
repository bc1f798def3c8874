"""What any other program needs to use an instance: addresses, credentials and the names of what the template made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deploy.local.cloud import CREDENTIALS, REGION
from deploy.local.errors import LocalStackError
from deploy.local.instance import GRAPH_USER, Instance, write_private
from deploy.local.processes import direct_addresses
from deploy.stack import outputs_by_kind


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
        "search": {"url": None},
        "web": {"dagster": instance.dagster_url},
    }


def environment_contract(instance: Instance, document: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a process that works with an instance: `pipeline_assets.settings`, boto3's own, Dagster's."""
    token_key = instance.token_key()
    return {
        "AWS_ENDPOINT_URL": document["endpoint_url"],
        "AWS_REGION": document["region"],
        "AWS_DEFAULT_REGION": document["region"],
        **{name.upper(): value for name, value in document["credentials"].items()},
        "AWS_EC2_METADATA_DISABLED": "true",
        **direct_addresses(),
        "NEO4J_URI": document["graph"]["uri"],
        "NEO4J_USER": document["graph"]["user"],
        "NEO4J_PASSWORD": document["graph"]["password"],
        "TICKETS_QUEUE_URL": document["queues"]["tickets"],
        "TICKETS_BUCKET": document["buckets"]["tickets"],
        "TICKETS_DAY_BEGINS": document["settings"]["tickets-day-begins"],
        "STOCKS_QUEUE_URL": document["queues"]["stocks"],
        "STOCKS_BUCKET": document["buckets"]["stocks"],
        "TABLE_NAME": document["tables"]["stocks"],
        "RAW_QUEUE_URL": document["queues"]["raw"],
        "RAW_BUCKET": document["buckets"]["raw"],
        "CURATED_BUCKET": document["buckets"]["curated"],
        "INBOX_QUEUE_URL": document["queues"]["inbox"],
        "INBOX_BUCKET": document["buckets"]["inbox"],
        "SOURCE_DATABASE_URL": f"sqlite:///{instance.source_database}",
        "CARD_TOKEN_KEY_ID": token_key["key_id"],
        "CARD_TOKEN_KEY": token_key["key"],
        "LAKE_DATABASE": document["databases"]["lake"],
        "ATHENA_WORKGROUP": document["workgroups"]["lake"],
        # The local cloud's own Athena reads neither partitions nor Athena's dialect.
        "SQL_ENGINE": "duckdb",
        "QUARANTINE_BUCKET": document["buckets"]["quarantine"],
        "LEDGER_TABLE": document["tables"]["ledger"],
        "DAGSTER_HOME": str(instance.dagster_home),
    }


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
