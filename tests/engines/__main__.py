"""Fetch and build, all at once, what the tests start: engines, databases and the functions' packages."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from deploy.local.neo4j_server import neo4j_jars
from tests.engines.elasticsearch_server import elasticsearch_home
from tests.engines.mariadb_server import mariadb_home
from tests.worlds.stack import built_packages


def compile_imports() -> None:
    """Let Python compile what the tests import: else each of their workers would, at the same time."""
    subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-qq"], check=True, stdout=subprocess.DEVNULL)


FETCHED = (built_packages, neo4j_jars, mariadb_home, elasticsearch_home, compile_imports)
with ThreadPoolExecutor(len(FETCHED)) as threads:
    for fetched in [threads.submit(each) for each in FETCHED]:
        fetched.result()
