"""The local search engine: noida-db, which answers as Elasticsearch does, from its wheel.

It looks through all documents of an index for each question, which takes 3 ms at a thousand and 13 ms at five thousand,
and it can lose what it acknowledged in the moment before a kill -9. An index is made of the tables, so it can be made
again. An instance may have an Elasticsearch of its own in its place: `cesta up --search http://127.0.0.1:9200`.
"""

from __future__ import annotations

from http import HTTPStatus

import urllib3

from deploy.local.engine_environment import EngineEnvironment
from deploy.local.instance import HOST, Instance
from deploy.local.processes import inherited_environment
from deploy.local.supervisor import Child


def search_child(instance: Instance, engines: EngineEnvironment) -> Child:
    """The process of the search engine that comes with an instance."""
    directory = instance.state / "search"
    return Child(
        name="search",
        title="search engine",
        command=(
            *(str(engines.search), "start", "--only", "elasticsearch", "--data-dir", str(directory)),
            *("--host", HOST, "--elasticsearch-port", str(instance.port("search"))),
        ),
        environment=inherited_environment(),
        directory=directory,
        log=instance.logs / "search.log",
        tier=0,
        is_ready=lambda: search_is_ready(instance),
        start_seconds=60,
        stop_seconds=30,
    )


def search_is_ready(instance: Instance) -> bool:
    """Whether the search engine of an instance, its own or another, answers."""
    try:
        answer = urllib3.request("GET", f"{instance.search_url}/_cluster/health", timeout=2, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == HTTPStatus.OK
