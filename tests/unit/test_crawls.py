"""The decisions about crawls: whatever happens in whatever order, each event is followed by one crawl."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_assets.analytics.crawls import (
    LATE,
    PATIENCE,
    SETTLES,
    Crawl,
    CrawlerState,
    Step,
    failed,
    is_due,
    next_step,
    trouble_of,
)

#: Seconds between two looks.
TICK = 10.0
RESTING = CrawlerState(resting=True)
RUNNING = CrawlerState(resting=False)


@dataclass
class World:
    """Glue, Dagster's events and the watch, which may die after any of its steps."""

    now: float = 1_000_000.0
    newest: int = 0
    told: int = 0
    written: Crawl = field(default_factory=Crawl)
    crawler: CrawlerState = RESTING
    #: Of each crawl the newest event when it began.
    crawls: list[int] = field(default_factory=list)
    #: Of each crawl that the watch started the event that it was for.
    starts: list[int] = field(default_factory=list)
    failures: int = 0

    def event(self) -> None:
        self.newest += 1

    def begin(self) -> None:
        """The crawler begins a crawl, whoever started it; a second start is refused."""
        if self.crawler.resting:
            self.crawls.append(self.newest)
            self.crawler = replace(self.crawler, resting=False)

    def end(self, *, succeeded: bool = True) -> None:
        if not self.crawler.resting:
            self.failures += not succeeded
            last = f"crawl {len(self.crawls)}"
            self.crawler = CrawlerState(resting=True, last=last, succeeded=succeeded, message="no")

    def look(self, *, saved: bool = True) -> None:
        """One look of the watch, which dies before it has written anything down unless `saved`."""
        self.now += TICK
        if not is_due(self.written, self.newest, self.told, self.now):
            return
        after, step = next_step(self.written, self.newest, self.told, self.crawler, self.now)
        if step is Step.START:
            self.starts.append(self.written.event)
            self.begin()
        if step is Step.TELL:
            # The daemon stores the event, and dies before or after it writes the cursor.
            assert self.written.event > self.told, "told twice"
            assert self.crawls[-1] >= self.written.event, "the crawl began before the event"
            self.told = self.written.event
        if saved:
            self.written = after

    def settle(self) -> None:
        """Nothing happens any more; failures are rested from."""
        for _ in range(2_000):
            if self.told == self.newest:
                return
            self.look()
            self.end()
        pytest.fail(f"event {self.newest} is not told: {self}")


HAPPENS = st.sampled_from(["event", "look", "look", "look that is lost", "end", "failure", "foreign crawl"])


@given(st.lists(HAPPENS, max_size=60))
@settings(max_examples=300, deadline=None)
def test_every_event_is_followed_by_a_crawl_and_none_by_two_starts(happenings: list[str]) -> None:
    world = World()
    for happening in happenings:
        match happening:
            case "event":
                world.event()
            case "look" | "look that is lost":
                world.look(saved=happening == "look")
            case "end" | "failure":
                world.end(succeeded=happening == "end")
            case _:
                world.begin()
    world.settle()
    # A start for an event is repeated only where the crawl before it has failed.
    twice = len(world.starts) - len(set(world.starts))
    assert twice <= world.failures
    assert world.starts == sorted(world.starts)


@given(st.integers(1, 200), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_events_that_come_together_are_one_crawl(events: int, lost: int) -> None:
    world = World(newest=events)
    for _ in range(lost):
        world.look(saved=False)
    world.settle()
    assert (world.told, world.starts, len(world.crawls)) == (events, [events], 1)


def test_a_stream_of_events_is_crawled_now_and_then() -> None:
    world = World()
    for number in range(100):
        world.event()
        world.look()
        if number % 6 == 5:
            world.end()
    world.settle()
    assert 2 <= len(world.starts) <= 100 * TICK / PATIENCE + 1


class TestOneStep:
    PLANNED = Crawl(event=7, after="a", planned_at=0.0)

    def test_a_start_is_written_down_before_it_is_made(self) -> None:
        planned, step = next_step(Crawl(), 7, 0, replace(RESTING, last="a"), 0.0)
        assert (planned, step) == (self.PLANNED, Step.NOTHING)
        assert next_step(planned, 7, 0, replace(RESTING, last="a"), TICK)[1] is Step.START

    def test_a_crawler_that_runs_may_have_begun_before_the_event_and_is_run_again(self) -> None:
        crawl, step = next_step(Crawl(), 7, 0, RUNNING, 0.0)
        assert (crawl.event, step) == (0, Step.NOTHING)
        crawl, _ = next_step(crawl, 7, 0, CrawlerState(resting=True, last="a", succeeded=True), TICK)
        assert crawl.event == 7, "planned once it rests"

    def test_a_start_that_was_not_written_down_is_found(self) -> None:
        ended = CrawlerState(resting=True, last="b", succeeded=True)
        assert next_step(self.PLANNED, 7, 0, RUNNING, TICK) == (self.PLANNED, Step.NOTHING)
        assert next_step(self.PLANNED, 7, 0, ended, TICK) == (Crawl(), Step.TELL)

    def test_what_was_told_and_not_written_down_is_not_told_again(self) -> None:
        assert not is_due(self.PLANNED, 7, 7, TICK)
        crawl, step = next_step(self.PLANNED, 8, 7, CrawlerState(resting=True, last="b", succeeded=True), TICK)
        assert (crawl.event, crawl.after, step) == (8, "b", Step.NOTHING)

    def test_a_crawl_that_was_stopped_and_left_no_trace_is_made_again(self) -> None:
        started = replace(self.PLANNED, started_at=TICK)
        at_rest = replace(RESTING, last="a")
        assert next_step(started, 7, 0, at_rest, TICK + SETTLES - 1) == (started, Step.NOTHING)
        dropped, _ = next_step(started, 7, 0, at_rest, TICK + SETTLES)
        assert (dropped.event, dropped.failures, dropped.message) == (0, 1, "the crawl ended and left no trace")

    def test_after_failures_it_rests_twice_as_long_each_time_up_to_an_hour(self) -> None:
        crawl, pauses = Crawl(), []
        for _ in range(9):
            crawl, _ = failed(crawl, "no", 0.0)
            pauses.append(crawl.rests_until)
            assert not is_due(crawl, 1, 0, crawl.rests_until - 1)
            assert is_due(crawl, 1, 0, crawl.rests_until)
        assert pauses == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, 3600.0]


class TestTrouble:
    def test_a_failure_is_told_with_the_time_of_the_next_try(self) -> None:
        crawl, _ = failed(Crawl(event=1), "the crawl failed: no rights", 0.0)
        expected = "the crawl failed: no rights; it is tried again after 00:01:00 UTC"
        assert trouble_of(crawl, 0.0, 5.0) == expected == trouble_of(crawl, 0.0, 50.0)

    def test_an_event_that_no_crawl_follows_is_told_after_an_hour(self) -> None:
        assert trouble_of(Crawl(), 0.0, LATE) == ""
        said = "the set was made at 1970-01-01 00:00 UTC, and no crawl has ended since"
        assert trouble_of(Crawl(), 0.0, LATE + 1) == said

    def test_there_is_none_where_nothing_waits(self) -> None:
        assert trouble_of(replace(Crawl(), failures=3, message="no"), None, LATE * 9) == ""
