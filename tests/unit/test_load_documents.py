"""Documents of loads that an older release has written are read as what they say."""

from __future__ import annotations

import json

from pipeline_assets.lake.layout import LoadName
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.raw.loads import LoadPlan
from pipeline_assets.storage.documents import from_json, to_json

NAME = LoadName("2026-03-01", "20260301T100000000000Z")


def without(text: bytes, *names: str) -> str:
    document = json.loads(text)
    assert document.keys() >= set(names)
    return json.dumps({name: value for name, value in document.items() if name not in names})


def test_a_manifest_without_newest_times_and_warnings() -> None:
    manifest = Manifest(NAME, "full", "2026-03-01T10:00:00Z", ("orders",), (), {"orders": "2026-03-01T10:00:00+00:00"})
    assert from_json(without(to_json(manifest), "newest", "warnings"), Manifest) == manifest
    told = Manifest(NAME, "full", "", (), (), {}, {"orders": "2026-03-01T10:00:00+00:00"}, ("orders: late",))
    assert from_json(to_json(told), Manifest) == told


def test_a_beginning_without_what_it_follows() -> None:
    plan = LoadPlan(NAME, "incremental", ("orders",), "2026-03-01T10:00:00+00:00", since={"orders": "2026-03-01"})
    assert from_json(without(to_json(plan), "follows", "late", "newest", "warnings"), LoadPlan) == plan
    told = LoadPlan(NAME, "full", (), "", follows={"orders": "x"}, warnings=("orders: late",))
    assert from_json(to_json(told), LoadPlan) == told
