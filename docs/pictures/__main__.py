"""Draws the pictures of the documentation from a running instance, with the Chromium of this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import typer
from playwright.sync_api import sync_playwright

from deploy.cli.commands import command
from deploy.local.instance import Instance, LocalStackError
from deploy.local.outputs import read_outputs

HERE = Path(__file__).parent
#: What is drawn: the name of the picture and the page of the Dagster UI.
PAGES = {
    "asset-graph": "/assets/tickets?view=lineage&lineageScope=neighbors",
    "lake": "/assets/curated/orders?view=lineage&lineageScope=neighbors",
}


def draw(instance: Instance) -> None:
    """Draw every picture anew."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise LocalStackError("no Chromium is installed: install your system's package of it.")
    dagster = read_outputs(instance)["web"]["dagster"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-quic"])
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        for name, path in PAGES.items():
            page.goto(f"{dagster}{path}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(4_000)  # the graph is laid out after the last request
            page.screenshot(path=HERE / f"{name}.png")
            sys.stdout.write(f"{HERE / name}.png\n")
        browser.close()


if __name__ == "__main__":
    typer.run(command(draw))
