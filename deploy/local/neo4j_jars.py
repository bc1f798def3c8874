"""Neo4j Community as locked in `deploy/neo4j/jars.sha256`, downloaded once from Maven Central.

The server runs on the Java that comes with the wheel of the embedded graph.
"""

from __future__ import annotations

from pathlib import Path

from deploy.local.instance import PROJECT
from deploy.local.maven import locked_jars

LOCK = PROJECT / "deploy" / "neo4j" / "jars.sha256"
CACHE = PROJECT / ".tools" / "neo4j"


def neo4j_jars(lock: Path = LOCK, cache: Path = CACHE) -> Path:
    """The folder of Neo4j's jars; downloads 152 MB unless they are there. Raises `LocalStackError`."""
    return locked_jars("Neo4j", lock, cache)
