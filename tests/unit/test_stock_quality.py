"""What of a day's prices is missing or cannot be, who owns a price, and what is asked for by time."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from deploy.cli.prices import PeriodError, period
from pipeline_assets.events.outcomes import OvertakenError
from pipeline_assets.stocks.chart import MOST_TICKERS, chart, chosen
from pipeline_assets.stocks.ownership import Fate, OwnedPrice, Owner, judge
from pipeline_assets.stocks.quality import gaps, impossible
from pipeline_assets.stocks.rows import Price


def price(second: int, close: str = "10", *, open_: str = "", high: str = "", low: str = "") -> Price:
    moment = f"2026-11-20T14:{second // 60:02d}:{second % 60:02d}.000Z"
    four = (open_ or close, high or max(open_ or close, close), low or min(open_ or close, close), close)
    opened, highest, lowest, closed = map(Decimal, four)
    return Price("CSTA", moment, opened, highest, lowest, closed, 1, moment[:10])


class TestGaps:
    @pytest.mark.parametrize(
        ("seconds", "missing"),
        [
            pytest.param([], 0, id="no bar"),
            pytest.param([0], 0, id="one bar"),
            pytest.param([0, 10, 20, 30], 0, id="every bar"),
            pytest.param([0, 10, 40, 50, 60], 2, id="two of them"),
            pytest.param([0, 60, 120, 300], 2, id="minutes"),
            pytest.param([0, 10, 30, 40, 60, 70], 2, id="here and there"),
            pytest.param([0, 10, 21, 30], 0, id="a little late"),
        ],
    )
    def test_bars_are_missing_where_the_way_is_longer_than_usual(self, seconds: list[int], missing: int) -> None:
        assert sum(number for _, number, _ in gaps([price(second) for second in seconds])) == missing

    def test_a_gap_is_told_by_the_bar_before_it(self) -> None:
        assert list(gaps([price(second) for second in (0, 10, 20, 60)])) == [("2026-11-20T14:00:20.000Z", 3, 10.0)]


class TestImpossiblePrices:
    @pytest.mark.parametrize(
        ("bars", "why"),
        [
            pytest.param([price(0, "10"), price(10, "20")], [], id="twice is possible"),
            pytest.param([price(0, "10"), price(10, "20.01")], ["opens at 20.01 after a close of 10"], id="a jump up"),
            pytest.param([price(0, "10"), price(10, "4.9")], ["opens at 4.9 after a close of 10"], id="a jump down"),
            pytest.param([price(0, "0")], ["a price of 0"], id="zero"),
            pytest.param([price(0, "0"), price(10, "9")], ["a price of 0"], id="what comes after zero"),
            pytest.param(
                [price(0, "10", high="9")], ["open 10, high 9, low 10, close 10"], id="a high that is no highest"
            ),
            pytest.param(
                [price(0, "10", low="11", high="12")], ["open 10, high 12, low 11, close 10"], id="a low that is none"
            ),
        ],
    )
    def test_they_are_told_with_their_reason(self, bars: list[Price], why: list[str]) -> None:
        assert [reason for _, reason in impossible(bars)] == why


class TestOwnership:
    MINE = OwnedPrice(Owner("2026-11-20T10:00:00.000Z/1/a", "A", 2, 7), price(0, "10"))

    @pytest.mark.parametrize(
        ("owner", "close", "fate"),
        [
            pytest.param(Owner("2026-11-20T11:00:00.000Z/1/b", "B", 1, 1), "10", Fate.SUPERSEDED, id="newer"),
            pytest.param(Owner("2026-11-20T09:00:00.000Z/1/b", "B", 9, 1), "10", Fate.OVERWRITTEN, id="older"),
            pytest.param(MINE.owner._replace(run=1, row=3), "11", Fate.REWRITTEN, id="an earlier run"),
            pytest.param(MINE.owner, "10", Fate.WRITTEN, id="this very row"),
            pytest.param(MINE.owner._replace(row=3), "10.0", Fate.REPEATED, id="the same in an earlier row"),
            pytest.param(MINE.owner._replace(row=3), "11", Fate.CONTRADICTED, id="another in an earlier row"),
            # Announced again from a listing of its bucket, a version may come with another time.
            pytest.param(MINE.owner._replace(stamp="2027"), "10", Fate.WRITTEN, id="this row at another time"),
        ],
    )
    def test_an_item_that_is_there_decides(self, owner: Owner, close: str, fate: Fate) -> None:
        assert judge(self.MINE, OwnedPrice(owner, price(0, close))) is fate

    def test_a_run_that_was_overtaken_ends(self) -> None:
        with pytest.raises(OvertakenError, match="run 3 has begun, this is run 2"):
            judge(self.MINE, OwnedPrice(self.MINE.owner._replace(run=3), price(0)))

    def test_its_text_is_read_back(self) -> None:
        assert Owner.of(str(self.MINE.owner)) == self.MINE.owner


class TestPeriod:
    NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("begin", "end", "expected"),
        [
            pytest.param(None, None, ("2026-11-20T14:00:00.000Z", "2026-11-20T15:00:00.000Z"), id="the last hour"),
            pytest.param(
                "2026-11-19", None, ("2026-11-19T00:00:00.000Z", "2026-11-20T15:00:00.000Z"), id="since a day"
            ),
            pytest.param(
                "2026-11-19", "2026-11-19", ("2026-11-19T00:00:00.000Z", "2026-11-19T23:59:59.999Z"), id="one day"
            ),
            pytest.param(
                None, "2026-11-19T14:30+01:00", ("2026-11-19T12:30:00.000Z", "2026-11-19T13:30:00.000Z"), id="a zone"
            ),
        ],
    )
    def test_times_are_in_utc_and_days_are_whole(
        self, begin: str | None, end: str | None, expected: tuple[str, str]
    ) -> None:
        assert period(begin, end, self.NOW) == expected

    @pytest.mark.parametrize(("begin", "end"), [("soon", None), (None, "now"), ("2026-11-21", "2026-11-20")])
    def test_what_is_no_period_is_said(self, begin: str | None, end: str | None) -> None:
        with pytest.raises(PeriodError, match=r"--from|--to"):
            period(begin, end, self.NOW)

    @pytest.mark.parametrize(
        ("begin", "end"),
        [("0001-01-01T00:00+05:00", None), (None, "9999-12-31T23:59-05:00"), ("9999-12-31T23-01", None)],
    )
    def test_a_time_before_or_after_all_is_said_to_be_none(self, begin: str | None, end: str | None) -> None:
        with pytest.raises(PeriodError, match="is no time of a price"):
            period(begin, end, self.NOW)

    def test_the_last_hour_before_the_first_one_is_as_much_as_there_is(self) -> None:
        assert period(None, "0001-01-01T00:30Z", self.NOW) == ("0001-01-01T00:00:00.000Z", "0001-01-01T00:30:00.000Z")


class TestChart:
    def test_few_tickers_are_all_drawn_and_of_many_some_from_everywhere(self) -> None:
        assert chosen(["A", "B"]) == ["A", "B"]
        many = [f"T{number:02d}" for number in range(50)]
        assert chosen(many) == ["T00", "T08", "T16", "T25", "T33", "T41"]
        assert len(chosen(many[:7])) == MOST_TICKERS

    def test_it_is_a_picture_in_markdown_that_names_the_tickers(self) -> None:
        drawn = chart("2026-11-20", {"CSTA": [price(second, "10") for second in range(0, 600, 10)], "AGRU": [price(0)]})
        assert drawn.startswith("![closing prices of CSTA, AGRU](data:image/png;base64,")
        assert base64.b64decode(drawn.partition("base64,")[2][:-1]).startswith(b"\x89PNG")
        assert len(drawn) < 100_000
