"""One room talks to S3: nothing else in the platform has a client of it or sends it a request."""

from __future__ import annotations

import ast
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).parents[2]
STORAGE = ROOT / "pipeline_assets" / "storage"
#: What a client of S3 can be asked, as its methods are called and as `get_paginator` names them.
REQUESTS = set(
    boto3.client("s3", "eu-west-1", aws_access_key_id="a", aws_secret_access_key="s").meta.method_to_api_mapping
) | {"upload_file", "upload_fileobj", "download_file", "download_fileobj"}
MODULES = [
    path
    for room in ("pipeline_assets", "lambdas")
    for path in sorted((ROOT / room).rglob("*.py"))
    if STORAGE not in path.parents
]


def requests_in(code: str) -> set[str]:
    """What code asks S3, or how it gets a client of it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Attribute(attr=name) if name in REQUESTS:
                found.add(name)
            case ast.Call(
                func=ast.Attribute(attr="client" | "resource" | "get_paginator"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                found |= {name} & {"s3", *REQUESTS}
    return found


def test_nothing_else_asks_s3() -> None:
    asked = {str(path.relative_to(ROOT)): requests_in(path.read_text()) for path in MODULES}
    assert len(asked) > 100
    assert {path: found for path, found in asked.items() if found} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        pytest.param('boto3.client("s3", config=x)', {"s3"}, id="client"),
        pytest.param('session.resource("s3")', {"s3"}, id="resource"),
        pytest.param("stores.s3.get_object(Bucket=b, Key=k)", {"get_object"}, id="request"),
        pytest.param("put = s3.put_object", {"put_object"}, id="method"),
        pytest.param('s3.get_paginator("list_objects_v2")', {"list_objects_v2"}, id="listing"),
        pytest.param('boto3.client("dynamodb").get_paginator("query")', set(), id="another service"),
    ],
)
def test_a_request_is_recognised(code: str, found: set[str]) -> None:
    assert requests_in(code) == found


def test_the_room_itself_asks() -> None:
    assert requests_in((STORAGE / "s3.py").read_text()) >= {"s3", "get_object", "put_object", "delete_objects"}
