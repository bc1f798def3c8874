"""The days of a run: each is told as soon as it is done, and one that fails does not stop the others.

A step yields one materialization for each day, with the version of that day, when the day is done: so a run that is
stopped on the 29th day shows 28. Days that failed for what may pass are tried again at the end of the step. Such a step
has no retry policy of Dagster: that would begin anew a run that a person has stopped. The step ends failed, naming its
days, if any is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, TypeVar, cast

import dagster as dg

# Dagster's way of saying of an output that its events were stored by the body: else it stores one more for each
# partition, all with one data version. There is no public one (docs/adr/0029-days-of-a-run.md).
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from pipeline_assets.errors import TerminalError, TransientError
from pipeline_assets.lineage.bridge import Place
from pipeline_assets.lineage.days_with_data import days_with_data
from pipeline_assets.lineage.retries import RETRIES
from pipeline_assets.lineage.run_places import places_of

#: What a body of a step yields.
DayEvent = dg.AssetMaterialization | dg.Output[None]
#: The type of the output of such a step, for which no IO manager is asked; Dagster's own is annotated as another.
NOTHING: Final = cast("dg.DagsterType", dg.Nothing)
Stores = TypeVar("Stores")

_TOLD_BY_THE_BODY: Final = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}
#: So many days in a row whose store did not answer: the others are not tried, as each may take a minute to fail.
_UNANSWERED = 3
_NAMED = 10


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
        #: Not tried yet, or failed for what may pass.
        self._left = list(context.partition_keys)
        self._failed: dict[str, str] = {}
        #: Days of which an earlier step of the run has not made what they are made of.
        self._owed: list[str] = []
        self._unanswered = 0

    def each(
        self,
        opened: Callable[[], AbstractContextManager[Stores]],
        work: Callable[[str, Stores], Iterable[dg.AssetMaterialization]],
        has_data: Callable[[str, Stores], bool],
        lacks: str,
    ) -> Iterator[DayEvent]:
        """Work the days that have data, one by one.

        Parameters
        ----------
        opened
            Opens the stores of the days.
        work
            Works one day in them and gives its events.
        has_data
            Whether there is anything of a day; one without is left as it is.
        lacks
            What such a day lacks, as in "no file is known".

        Yields
        ------
        DayEvent
            The events of each day once it is done, and at last the outputs of the step.

        Raises
        ------
        Failure
            Days failed, or too few have data.
        """
        for days in self.attempts():
            unopened = list(days)
            with self.trying(unopened), opened() as stores:
                ask = partial(_is_there, has_data, stores)
                unopened[:] = found = days_with_data(self._context, days, ask, lacks)
                self._forgive(ask)
                for day in self.answered(list(found)):
                    unopened.remove(day)
                    events: list[dg.AssetMaterialization] = []
                    with self.trying([day]):
                        events = list(work(day, stores))
                    yield from events
        yield from self.end()

    def attempts(self) -> Iterator[list[str]]:
        """The days to work: first all and then, after a rest, those that failed for what may pass."""
        for day in self._left:
            if parent := self._failed_parent(day):
                self._owed.append(day)
                self.fail(day, f"{parent} of the day failed in this run")
        for attempt in range(1 + RETRIES.max_retries):
            days = [day for day in self._left if attempt == 0 or day in self._failed]
            if not days:
                return
            if attempt:
                rest = RETRIES.calculate_delay(attempt)
                self._context.log.info("%d days are tried again in %s seconds", len(days), rest)
                time.sleep(rest)
            self._unanswered = 0
            yield days

    def answered(self, days: list[str]) -> Iterator[str]:
        """The days of an attempt one by one, as long as their store answers."""
        for number, day in enumerate(days):
            if self._unanswered == _UNANSWERED:
                reason = f"not tried, as {_UNANSWERED} days before it had no answer"
                self._failed |= dict.fromkeys(days[number:], reason)
                return
            yield day

    @contextmanager
    def trying(self, days: list[str]) -> Iterator[None]:
        """Work of some days: an error in it is theirs alone, and may pass unless it is a `TerminalError`."""
        for day in days:
            self._failed.pop(day, None)
        try:
            yield
        except dg.Failure:
            raise
        except TerminalError as error:
            for day in days:
                self.fail(day, str(error))
        except Exception as error:
            self._unanswered = self._unanswered + 1 if isinstance(error, TransientError) else 0
            self._context.log.exception("%s failed", ", ".join(days[:_NAMED]))
            self._failed |= dict.fromkeys(days, f"{type(error).__name__}: {error}")
        else:
            self._unanswered = 0

    def fail(self, day: str, reason: str) -> None:
        """Count a day as failed for what trying again does not change."""
        self._context.log.error("%s failed: %s", day, reason)
        self._failed[day] = reason
        self._left = [each for each in self._left if each != day]

    def _forgive(self, has_data: Callable[[str], bool]) -> None:
        """Take no offence at what was left out before a day that has no data here either."""
        for day in self._owed:
            if not has_data(day):
                self._failed.pop(day, None)
        self._owed.clear()

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
        Failure
            Days failed.
        """
        for key in self._keys:
            name = self._context.assets_def.get_output_name_for_asset_key(key)
            yield dg.Output(None, output_name=name, metadata=_TOLD_BY_THE_BODY)
        if self._failed:
            raise dg.Failure(self._sentence(), allow_retries=False)

    def _sentence(self) -> str:
        failed = sorted(self._failed.items())
        named = "; ".join(f"{day}: {reason}" for day, reason in failed[:_NAMED])
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        return f"{len(failed)} of {len(self._context.partition_keys)} days failed, the others are done. {named}{more}"

    def _failed_parent(self, day: str) -> str:
        """The asset of which the day is made and that this run had to make before and did not; empty where none is."""
        parents = (dep.asset_key for spec in self._specs() for dep in spec.deps if dep.partition_mapping is None)
        owed = (parent for parent in map(dg.AssetKey.to_user_string, parents) if self._places.owes(Place(parent, day)))
        return next(owed, "")

    def _specs(self) -> list[dg.AssetSpec]:
        return [self._context.assets_def.specs_by_key[key] for key in self._keys]


def _is_there(has_data: Callable[[str, Stores], bool], stores: Stores, day: str) -> bool:
    return has_data(day, stores)
