"""The Retail Copilot: kinds of questions, what finds nothing, what is asked next."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline_assets.analytics.retail_copilot.prod_set import RETAIL_COPILOT
from pipeline_assets.errors import TerminalError
from tests.worlds.curated_shop import DAY, CuratedShop, MadeSet, days, noon

_COLUMNS = ("template", "queries", "zero_result_share", "p95_seconds", "example")


class Log(CuratedShop):
    """A log of questions."""

    _asked = 0

    def ask(
        self,
        text: str,
        minutes: float = 0,
        *,
        who: str | None = "analyst-1",
        system: str = "copilot",
        seconds: float | None = 1,
        results: int | None = None,
    ) -> None:
        """Ask a question some minutes after noon."""
        self._asked += 1
        self.put(
            "query_log",
            DAY,
            query_id=self._asked,
            asked_at=noon(DAY) + timedelta(minutes=minutes),
            asked_by=who,
            system=system,
            text=text,
            seconds=None if seconds is None else Decimal(str(seconds)),
            results=results,
        )

    def templates(self) -> list[tuple[object, ...]]:
        """The rows of the table of templates."""
        return MadeSet(RETAIL_COPILOT, self.bucket()).rows("query_templates", *_COLUMNS)

    def pairs(self) -> list[tuple[object, ...]]:
        """The rows of the table of reformulations."""
        made = MadeSet(RETAIL_COPILOT, self.bucket())
        return made.rows("query_reformulations", "template", "next_template", "pairs")


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Sales of store 17?", "sales of store ?"),
        ("  Sales of   Store 4711 since 2026-03-01! ", "sales of store ? since ?"),
        ('How much "semi-skimmed milk" was sold?', "how much ? was sold"),
        ("Was [card ending 1111] charged twice for order 12,345.67?", "was ? charged twice for order ?"),
        ("¿Cuánto vendió la tienda 12 a las 10:30?", "cuánto vendió la tienda ? a las ?"),
        ("Orders above $1,250.00 or 15%...", "orders above ? or ?"),
        ("between 2026-03-01 10:00:00 and 2026-03-01T11:00:00Z", "between ? and ?"),
        ("???", ""),
        ("línea\nnueva", "línea nueva"),
    ],
)
def test_a_template_is_what_questions_of_a_kind_share(text: str, template: str) -> None:
    log = Log()
    log.ask(text)
    assert [row[0] for row in log.templates()] == [template]


def test_shares_and_latency_are_as_worked_by_hand() -> None:
    log = Log()
    for number, results in enumerate((0, 0, 3, None)):
        log.ask(f"stock of item {number}", seconds=number + 1, results=results)
    log.ask("top products", seconds=None)
    assert log.templates() == [
        ("stock of item ?", 4, pytest.approx(2 / 3), pytest.approx(3.85), "stock of item 0"),
        ("top products", 1, None, None, "top products"),
    ]


def test_a_reformulation_is_soon_by_the_same_person_to_the_same_system_in_other_words() -> None:
    log = Log()
    log.ask("top products")
    log.ask("best sellers", 4)
    log.ask("best sellers 2", 5)  # of another kind, within five minutes
    log.ask("best sellers 3", 6)  # of the same kind
    log.ask("top products", 12)  # too late
    log.ask("worst sellers", 13, who="analyst-2")
    log.ask("worst sellers", 13, system="hub")
    log.ask("a", 14, who=None)
    log.ask("b", 14, who=None)
    assert log.pairs() == [("best sellers", "best sellers ?", 1), ("top products", "best sellers", 1)]


def test_a_pair_of_one_moment_goes_by_the_number_of_the_question() -> None:
    log = Log()
    log.ask("first")
    log.ask("second")
    assert log.pairs() == [("first", "second", 1)]


def test_without_a_log_the_set_is_refused_and_an_empty_one_is_said() -> None:
    with pytest.raises(
        TerminalError, match="the lake has nothing up to 2026-03-02 of query_log; load these days first"
    ):
        MadeSet(RETAIL_COPILOT, CuratedShop().bucket())
    log = Log()
    log.ask("later", 60 * 24)
    made = MadeSet(RETAIL_COPILOT, log.bucket())
    assert [made.frame(name).height for name in made.tables] == [0, 0]
    assert made.note("query_templates") == "There is no log of questions up to the day."


def test_questions_that_arrive_later_change_nothing() -> None:
    log = Log()
    log.ask("top products")
    before = MadeSet(RETAIL_COPILOT, log.bucket())
    log.put("query_log", DAY + days(1), query_id=99, asked_at=noon(DAY), system="hub", text="what?")
    assert MadeSet(RETAIL_COPILOT, log.bucket()).same_as(before)
