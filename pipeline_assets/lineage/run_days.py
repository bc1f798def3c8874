"""The days of a run: each is told as soon as it is done, and one that fails does not stop the others.

A step yields one materialization for each day, with the version of that day, when the day is done: so a run that is
stopped on the 29th day shows 28. Days that failed for what may pass are tried again by the step's retry policy; those
that are told already are left alone then. The step ends failed, naming the days, if any is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, cast

import dagster as dg

# Dagster's way of saying of an output that its events were stored by the body: else it stores one more for each
# partition, all with one data version. There is no public one (docs/adr/0029-days-of-a-run.md).
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.lineage.run_places import places_of

#: What a body of a step yields.
DayEvent = dg.AssetMaterialization | dg.Output[None]
#: The type of the output of such a step, for which no IO manager is asked; Dagster's own is annotated as another.
NOTHING: Final = cast("dg.DagsterType", dg.Nothing)

_TOLD_BY_THE_BODY: Final = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
#: So many days in a row whose store did not answer: the others are not tried, as each may take a minute to fail.
_UNANSWERED = 3
_NAMED = 10


class DaysLeftError(Exception):
    """Raised when days of a run failed for what may pass, so that the step is tried again."""


class RunDays:
    """The days that a step of a run has to work.

    Parameters
    ----------
    context
        The step.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._keys = sorted(context.selected_asset_keys)
        self._places = places_of(context.instance, context.run.run_id)
        self._failed: dict[str, str] = {}
        self._may_pass = False
        self._unanswered = 0

    def each(self, work: Callable[[str], Iterable[dg.AssetMaterialization]]) -> Iterator[DayEvent]:
        """Work the days one by one.

        Parameters
        ----------
        work
            Works one day and gives its events.

        Yields
        ------
        DayEvent
            The events of each day once it is done, and at last the outputs of the step.

        Raises
        ------
        DaysLeftError
            Days failed for what may pass, and the step will be tried again.
        Failure
            Days failed, and it will not.
        """
        for day in self.left():
            events: list[dg.AssetMaterialization] = []
            with self.trying(day):
                events = list(work(day))
            yield from events
        yield from self.end()

    def left(self) -> Iterator[str]:
        """The days that this run has not told yet, but for those that cannot be worked in it."""
        days = [day for day in self._context.partition_keys if not self._is_told(day)]
        for number, day in enumerate(days):
            if self._unanswered == _UNANSWERED:
                reason = f"not tried, as {_UNANSWERED} days before it had no answer"
                self._failed |= dict.fromkeys(days[number:], reason)
                return
            if parent := self._failed_parent(day):
                self.fail(day, f"{parent} of the day failed in this run")
            else:
                yield day

    @contextmanager
    def trying(self, day: str) -> Iterator[None]:
        """Work of one day: an error in it is that day's alone."""
        try:
            yield
        except TerminalError as error:
            self.fail(day, str(error))
        except Exception as error:
            self._may_pass = True
            self._unanswered = self._unanswered + 1 if isinstance(error, TransientError) else 0
            self._context.log.exception("%s failed", day)
            self._failed[day] = f"{type(error).__name__}: {error}"
        else:
            self._unanswered = 0

    def fail(self, day: str, reason: str) -> None:
        """Count a day as failed for what trying again does not change."""
        self._context.log.error("%s failed: %s", day, reason)
        self._failed[day] = reason

    def reports_told(self, place: Place) -> list[str]:
        """The reports that this run, in an earlier step, has told of a place."""
        return self._places.told.get(place, [])

    def end(self) -> Iterator[dg.Output[None]]:
        """End the step.

        Yields
        ------
        Output
            One for each asset, so that what is made of the days that are done is made.

        Raises
        ------
        DaysLeftError
            Days failed for what may pass, and the step will be tried again.
        Failure
            Days failed, and it will not.
        """
        if self._may_pass and self._context.retry_number < RETRIES.max_retries:
            raise DaysLeftError(self._sentence())
        for key in self._keys:
            name = self._context.assets_def.get_output_name_for_asset_key(key)
            yield dg.Output(None, output_name=name, metadata=_TOLD_BY_THE_BODY)
        if self._failed:
            raise dg.Failure(self._sentence(), allow_retries=False)

    def _sentence(self) -> str:
        named = "; ".join(f"{day}: {reason}" for day, reason in list(self._failed.items())[:_NAMED])
        more = f"; and {len(self._failed) - _NAMED} more" if len(self._failed) > _NAMED else ""
        days = len(self._context.partition_keys)
        return f"{len(self._failed)} of {days} days failed, the others are done. {named}{more}"

    def _is_told(self, day: str) -> bool:
        return all(Place(key.to_user_string(), day) in self._places.told for key in self._keys)

    def _failed_parent(self, day: str) -> str:
        """The asset of which the day is made and that this run had to make before and did not; empty where none is."""
        parents = (dep.asset_key for spec in self._specs() for dep in spec.deps if dep.partition_mapping is None)
        owed = (parent for parent in map(dg.AssetKey.to_user_string, parents) if self._places.owes(Place(parent, day)))
        return next(owed, "")

    def _specs(self) -> list[dg.AssetSpec]:
        return [self._context.assets_def.specs_by_key[key] for key in self._keys]
