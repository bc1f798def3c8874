"""What the search host is told when it is made: the files of `deploy/search_host/host`, for cloud-init to write."""

from __future__ import annotations

from textwrap import indent
from typing import Final

from deploy.packaging import ROOT

HOST_FILES: Final = ROOT / "deploy" / "search_host" / "host"
#: Where each file lies on the host, and who may do what with it.
PLACES: Final = {
    "boot.sh": ("/usr/local/sbin/cesta-search-boot", "0755"),
    "cesta_search.py": ("/usr/local/sbin/cesta-search", "0755"),
    "elasticsearch.yml": ("/etc/cesta/elasticsearch.yml", "0644"),
    "cesta-search-host.service": ("/etc/systemd/system/cesta-search-host.service", "0644"),
    "cesta-elasticsearch@.service": ("/etc/systemd/system/cesta-elasticsearch@.service", "0644"),
    "cesta-search-metrics.service": ("/etc/systemd/system/cesta-search-metrics.service", "0644"),
    "cesta-search-metrics.timer": ("/etc/systemd/system/cesta-search-metrics.timer", "0644"),
}
#: How deep the block stands in the template.
_DEPTH: Final = " " * 16


def host_files_block() -> str:
    """One text in a list, the beginning of a cloud-config."""
    files = "".join(_file(name) for name in PLACES)
    return f"{_DEPTH}- |\n{indent(f'#cloud-config{chr(10)}write_files:{chr(10)}{files}', _DEPTH + '  ')}"


def _file(name: str) -> str:
    place, mode = PLACES[name]
    content = indent((HOST_FILES / name).read_text(encoding="utf-8"), "    ")
    return f'- path: {place}\n  permissions: "{mode}"\n  content: |\n{content}'
