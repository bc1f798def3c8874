"""Fetch and build, all at once, what the tests start: engines, Neo4j, MariaDB and the functions' packages."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from deploy.local.neo4j_server import neo4j_jars
from tests.engines.mariadb_server import mariadb_home
from tests.worlds.stack import built_packages


def compile_imports() -> None:
    """Let Python compile what the tests import: else each of their workers would, at the same time."""
    subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-qq"], check=True, stdout=subprocess.DEVNULL)


with ThreadPoolExecutor() as threads:
    for fetched in [threads.submit(each) for each in (built_packages, neo4j_jars, mariadb_home, compile_imports)]:
        fetched.result()
