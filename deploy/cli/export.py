"""`cesta export` and `cesta load ecommerce`: loads of the source database into the raw bucket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from deploy.cli.commands import DaysOption, Where
from deploy.cli.console import console, number_of, say
from deploy.cli.deployment import access_to, enter
from deploy.cli.progress import bars, follow_with_progress
from deploy.local.instance import Instance, LocalStackError
from deploy.local.instance_days import warn_of_earlier
from deploy.samples.shop_database import make_sqlite
from deploy.samples.shop_rows import shop_rows
from pipeline_assets.datasets.ecommerce import ECOMMERCE
from pipeline_assets.lake.layout import load_id_of
from pipeline_assets.lake.manifest import Manifest
from pipeline_assets.operations.access import Access
from pipeline_assets.operations.versions import version_id_of
from pipeline_assets.raw.extract import ExportMode, Request, export
from pipeline_assets.raw.source import SourceError
from pipeline_assets.raw.stores import ExportSettings, ExportStores, open_stores

_FLOW = "ecommerce"
#: A load that began longer ago than this before a command is not of the command: its clock is that of the database.
_OLD = timedelta(minutes=1)


def days_named(day: str | None, days: str | None) -> list[date]:
    """Days of ``--day D`` or ``--days FIRST..LAST``, at least one; raises `SourceError` for neither and for both."""
    first, dots, last = (days or day or "").partition("..")
    try:
        if (day and days) or bool(dots) is not bool(days):
            raise ValueError
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise SourceError(
            "a load by day needs its day, as --day 2026-11-20, or several, as --days 2026-11-01..2026-11-20"
        ) from None
    if end < begin:
        raise SourceError(f"{end} is before {begin}")
    return [begin + timedelta(days=n) for n in range((end - begin).days + 1)]


def requests(mode: ExportMode, day: str | None, days: str | None, *, keys: bool, many_deleted: bool) -> list[Request]:
    """The loads that the options of a command come to; raises `SourceError` where they do not go together."""
    if mode == "day":
        return [Request("day", each, keys=keys, many_deleted=many_deleted) for each in days_named(day, days)]
    if day or days:
        raise SourceError(f"a load of the mode {mode} is of no chosen day: add --mode day")
    return [Request(mode, keys=keys or mode == "full", many_deleted=many_deleted)]


def export_source(
    where: Where,
    *,
    mode: Annotated[ExportMode, typer.Option("--mode", help="Which rows.")] = "incremental",
    day: Annotated[str | None, typer.Option("--day", help="The UTC day of --mode day.")] = None,
    days: Annotated[str | None, typer.Option("--days", help="Several, as FIRST..LAST, each a load.")] = None,
    keys: Annotated[bool, typer.Option("--keys", help="Find deleted rows too; --mode full always does.")] = False,
    many_deleted: Annotated[
        bool, typer.Option("--many-deleted", help="More than a fifth of a table's rows may be gone.")
    ] = False,
) -> None:
    """Export the source database into the raw bucket, as one load or one for each day."""
    requested = requests(mode, day, days, keys=keys, many_deleted=many_deleted)
    run_export(None if where.from_env else where.instance(), requested)


def run_export(instance: Instance | None, requested: Sequence[Request]) -> None:
    """Export into an instance, or with None into what the environment names, and print the outcome."""
    now = datetime.now(UTC)
    manifests = export_with_progress(stores_of(instance), requested)
    say(f"{described(manifests)}.")
    if any(each.name.load_id < load_id_of(now - _OLD) for each in manifests):
        say("A load that was not finished was gone on with; export again for what changed since.", style="yellow")
    for warning in dict.fromkeys(warning for each in manifests for warning in each.warnings):
        say(f"{warning}.", style="yellow")


def load_ecommerce(
    instance: Instance,
    *,
    days: DaysOption = 14,
    wait: Annotated[bool, typer.Option("--wait", help="Return when all is curated and in Dagster.")] = False,
) -> None:
    """Make a sample shop's database from real purchases, and export each of its last days."""
    access = access_to(instance)
    make_shop(instance, days)
    requested = shop_days(days)
    manifests = export_with_progress(stores_of(instance), requested)
    say(f"{described(manifests)}.")
    if earlier := warn_of_earlier(instance, date.fromisoformat(manifests[0].name.day)):
        say(earlier, style="yellow")
    if wait:
        with bars() as progress:
            follow_with_progress(access, receipts_of(access, manifests), progress, flow=_FLOW, target="lake")


def receipts_of(access: Access, manifests: Sequence[Manifest]) -> list[str]:
    """The ids of the receipts that the objects of these loads have or will have."""
    objects = [each for manifest in manifests for each in manifest.objects]
    return [version_id_of(access.bucket("raw"), each.key, each.version_id) for each in objects]


def make_shop(instance: Instance, days: int) -> None:
    """Write the sample shop's database; rows that are there are replaced, others stay."""
    with console.status(f"making a shop of {number_of(days, 'day')} …"):
        rows = shop_rows(days)
        make_sqlite(instance.source_database, rows)
    tables = ", ".join(f"{name} {frame.height:,}" for name, frame in rows.items())
    say(f"A sample shop in {instance.source_database}, rows by table: {tables}.")


def shop_days(days: int) -> list[Request]:
    """One load for each of the last days, oldest first."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    return [Request("day", yesterday - timedelta(days=ago)) for ago in range(days - 1, -1, -1)]


def export_with_progress(stores: ExportStores, requested: Sequence[Request]) -> list[Manifest]:
    """Export load by load, with a bar for the loads and one for the tables of each."""
    manifests: list[Manifest] = []
    names = [dataset.name for dataset in ECOMMERCE]
    with bars() as progress:
        loads = progress.add_task("loads exported", total=len(requested))
        tables = progress.add_task("tables of the load", total=len(names))
        for request in requested:
            on_part = lambda part: progress.update(tables, completed=names.index(part.stored.dataset))  # noqa: E731
            manifests.append(export(request, stores, on_part))
            progress.update(tables, completed=len(names))
            progress.advance(loads)
    return manifests


def described(manifests: Sequence[Manifest]) -> str:
    """What was exported, in one sentence without its full stop."""
    objects = [each for manifest in manifests for each in manifest.objects]
    rows, many = number_of(sum(each.rows for each in objects), "row"), number_of(len(objects), "object")
    if len(manifests) == 1:
        return f"{rows} in {many}, load {manifests[0].name.load_id} of {manifests[0].name.day}"
    return f"{rows} in {many} of {len(manifests)} loads, {manifests[0].name.day} to {manifests[-1].name.day}"


def stores_of(instance: Instance | None) -> ExportStores:
    """Open the stores to export with: those of an instance, or with None those that the environment names.

    Raises `LocalStackError` when the instance does not run, or has no source database yet.
    """
    if instance is not None:
        enter(instance)
        if not instance.source_database.exists():
            raise LocalStackError("there is no source database yet: `cesta load ecommerce` makes one.")
    return open_stores(ExportSettings.from_environment())
