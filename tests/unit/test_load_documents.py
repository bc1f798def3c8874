"""Documents of loads that an older release has written are read as what they say."""

from __future__ import annotations

import json

from pipeline_assets.lake.layout import LoadName
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.raw.loads import Begun

NAME = LoadName("2026-03-01", "20260301T100000000000Z")


def without(text: str, *names: str) -> str:
    document = json.loads(text)
    assert document.keys() >= set(names)
    return json.dumps({name: value for name, value in document.items() if name not in names})


def test_a_manifest_without_newest_times_and_warnings() -> None:
    manifest = Manifest(NAME, "full", "2026-03-01T10:00:00Z", ("orders",), (), {"orders": "2026-03-01T10:00:00+00:00"})
    assert Manifest.from_json(without(manifest.to_json(), "newest", "warnings")) == manifest
    told = Manifest(NAME, "full", "", (), (), {}, {"orders": "2026-03-01T10:00:00+00:00"}, ("orders: late",))
    assert Manifest.from_json(told.to_json()) == told


def test_a_beginning_without_what_it_follows() -> None:
    begun = Begun(NAME, "incremental", ("orders",), "2026-03-01T10:00:00+00:00", since={"orders": "2026-03-01"})
    assert Begun.from_json(without(begun.to_json(), "follows", "late", "newest", "said")) == begun
    told = Begun(NAME, "full", (), "", follows={"orders": "x"}, said=("orders: late",))
    assert Begun.from_json(told.to_json()) == told
