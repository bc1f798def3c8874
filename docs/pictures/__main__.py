"""Draws the pictures of the documentation from a running instance, with the Chromium of this machine."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from playwright.sync_api import sync_playwright

from deploy.cli.commands import command
from deploy.local.instance import Instance, LocalStackError
from deploy.local.outputs import read_outputs

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

HERE = Path(__file__).parent
#: Groups of few assets: of the others the picture of all flows shows the name alone.
_OPEN: Final = ("inbox", "tickets", "graph", "stocks")
#: The graph is laid out, and the state of its assets asked for, after the last request of the page itself.
_SETTLES_MS: Final = 20_000
_NO_NAVIGATION: Final = """
localStorage.setItem("dagster-nav-collapsed", "true");
localStorage.setItem("large-screen-nav-open", "false");
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: a page of the Dagster UI, in a window of some size, and the part of it that is kept."""

    name: str
    path: str
    window: tuple[int, int]
    part: FloatRect


PICTURES = (
    Picture(
        "asset-graph",
        f"/asset-groups?expanded={','.join(f'global@global:{group}' for group in _OPEN)}",
        (1560, 820),
        {"x": 386, "y": 112, "width": 1130, "height": 690},
    ),
    Picture(
        "lake",
        "/assets/curated/orders?view=lineage&lineageScope=neighbors&lineageDepth=3",
        (1500, 900),
        {"x": 72, "y": 300, "width": 1380, "height": 490},
    ),
)


def draw(instance: Instance) -> None:
    """Draw every picture anew."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise LocalStackError("no Chromium is installed: install your system's package of it.")
    dagster = read_outputs(instance)["web"]["dagster"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
        for picture in PICTURES:
            width, height = picture.window
            page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.5)
            page.add_init_script(_NO_NAVIGATION)
            page.goto(f"{dagster}{picture.path}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(_SETTLES_MS)
            page.screenshot(path=HERE / f"{picture.name}.png", clip=picture.part)
            page.close()
            sys.stdout.write(f"{HERE / picture.name}.png\n")
        browser.close()


if __name__ == "__main__":
    typer.run(command(draw))
