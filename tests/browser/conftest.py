"""A window on the instance with Dagster, and a picture of it where a test fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.local.instance import LocalStackError
from tests.browser.chromium import chromium, open_window
from tests.browser.pages import DagsterPages
from tests.worlds.stack import RunningStack

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Where this is set, a Chromium that is not there fails its tests instead of skipping them.
REQUIRED = "CESTA_REQUIRE_CHROMIUM"


# Ended with the last test of this folder: while it is open its loop of events runs, and no other can.
@pytest.fixture(scope="package")
def window() -> Iterator[Page]:
    """The window of a browser; where there is none its tests are skipped, unless `REQUIRED` is set."""
    try:
        chromium()
    except LocalStackError as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"not seen in a browser: {error}")
    with open_window() as page:
        yield page


@pytest.fixture
def pages(window: Page, stack: RunningStack, tmp_path: Path) -> DagsterPages:  # noqa: ARG001 - the picture's folder
    """The pages of the instance."""
    return DagsterPages(window, stack.instance.dagster_url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say where the picture of the page lies that a failed test saw last."""
    report = yield
    values: dict[str, object] = getattr(item, "funcargs", {})
    pages, folder = values.get("pages"), values.get("tmp_path")
    if report.when == "call" and report.failed and isinstance(pages, DagsterPages) and isinstance(folder, Path):
        picture = folder / "page.png"
        pages.page.screenshot(path=picture)
        report.sections.append(("the page when it failed", f"{pages.page.url}\n{picture}"))
    return report
