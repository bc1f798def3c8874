"""The Chromium of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from deploy.local.instance import LocalStackError

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
#: A page is there within seconds; a machine that starts a run at the same time may take longer.
_PATIENCE = 120_000


def chromium() -> str:
    """The program of the browser; raises `LocalStackError` where there is none."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        raise LocalStackError("no Chromium is installed: install your system's package of it.")
    return found


@contextmanager
def open_window(width: int = 1400, height: int = 900, *, scale: float = 1.0) -> Iterator[Page]:
    """A window of a browser that is started for it, and ended with it; `scale` is how fine its pictures are."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-quic"])
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page.set_default_timeout(_PATIENCE)
        yield page
        browser.close()
