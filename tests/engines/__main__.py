"""Fetch and build, all at once, what the tests start: engines, Neo4j, MariaDB and the functions' packages."""

from concurrent.futures import ThreadPoolExecutor

from deploy.local.neo4j_server import neo4j_jars
from tests.engines.mariadb_server import mariadb_home
from tests.worlds.stack import built_packages

with ThreadPoolExecutor() as threads:
    for fetched in [threads.submit(each) for each in (built_packages, neo4j_jars, mariadb_home)]:
        fetched.result()
