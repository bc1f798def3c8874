"""Price files as they are found: which records become prices, and what is said about the others."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.rejection import Rejection, UnreadableRecord
from pipeline_assets.stocks.companies import COMPANIES
from pipeline_assets.stocks.feed import COLUMNS, as_csv, minute_files
from pipeline_assets.stocks.rows import Price, PriceRules, header_fault, ticker_of

ARRIVED = datetime(2026, 3, 2, 12, tzinfo=UTC)
OWN = ",".join(COLUMNS)
GOOD = "CSTA,2026-03-02T09:30:00Z,112.40,113.00,112.01,112.55,1200"


def outcome(row: str, header: str = OWN, name: str = "stocks/prices.csv") -> Price | Rejection:
    """What becomes of one row of a file."""
    names = [column.strip().lower() for column in next(csv.reader([header]))]
    assert not header_fault(names, name)
    return PriceRules(names, ARRIVED, name).price(1, next(csv.reader([row])))


def price(row: str, header: str = OWN, name: str = "stocks/prices.csv") -> Price:
    found = outcome(row, header, name)
    assert isinstance(found, Price), found
    return found


def rejection(row: str, header: str = OWN, name: str = "stocks/prices.csv") -> Rejection:
    found = outcome(row, header, name)
    assert isinstance(found, Rejection), found
    return found


def row_with(**values: str) -> str:
    row = dict(zip(COLUMNS, GOOD.split(","), strict=True)) | values
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row.values())
    return line.getvalue()


def test_a_good_row_becomes_a_price() -> None:
    assert price(GOOD) == Price(
        "CSTA",
        "2026-03-02T09:30:00.000Z",
        Decimal("112.40"),
        Decimal("113.00"),
        Decimal("112.01"),
        Decimal("112.55"),
        1_200,
        "2026-03-02",
    )


def test_every_bar_of_the_market_is_a_price() -> None:
    for _, bars in minute_files(ARRIVED):
        for row, bar in zip(as_csv(bars).decode().splitlines()[1:], bars, strict=True):
            found = price(row)
            assert (found.ticker, *found[2:7]) == (bar.ticker, *bar[2:])


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "row"),
        [
            pytest.param(
                "Close,Ticker,LOW,high,Volume,Open,Timestamp",
                "112.55,CSTA,112.01,113.00,1200,112.40,2026-03-02T09:30:00Z",
                id="another order and case",
            ),
            pytest.param(
                "Datetime,Symbol,Open,High,Low,Close,Vol.",
                "2026-03-02 09:30:00+00:00,CSTA,112.40,113.00,112.01,112.55,1200",
                id="other names",
            ),
            pytest.param(
                "date,open,high,low,close,volume,Name",
                "2026-03-02 09:30,112.40,113.00,112.01,112.55,1200,CSTA",
                id="the ticker as name, last",
            ),
            pytest.param(
                "Symbol,Name,Date,Time,Open,High,Low,Last,Vol",
                "CSTA,Cesta Groceries,20260302,093000,112.40,113.00,112.01,112.55,1200",
                id="day and time in two columns",
            ),
            pytest.param(
                "Ticker,Time,Open,High,Low,Close,Adj Close,Dividends,Volume",
                "CSTA,2026-03-02T09:30:00Z,112.40,113.00,112.01,112.55,109.99,0.0,1200",
                id="more columns than are wanted",
            ),
        ],
    )
    def test_real_files_name_and_order_their_columns_as_they_like(self, header: str, row: str) -> None:
        assert price(row, header) == price(GOOD)

    @pytest.mark.parametrize(
        ("name", "ticker"),
        [
            ("stocks/AAPL.csv", "AAPL"),
            ("AAPL.csv.gz", "AAPL"),
            ("stocks/2026/BRK-B.csv", "BRK-B"),
            ("stocks/SAN.MC.csv", "SAN.MC"),
            ("stocks/prices.csv", ""),
            ("stocks/AAPL 2026.csv", ""),
            ("stocks/20260302T093000Z_01.csv", ""),
        ],
    )
    def test_a_file_may_be_named_after_its_ticker(self, name: str, ticker: str) -> None:
        assert ticker_of(name) == ticker

    def test_a_file_without_tickers_is_of_the_one_it_is_named_after(self) -> None:
        header, row = "Date,Open,High,Low,Close,Adj Close,Volume", "2026-02-27,112.4,113,112.01,112.55,112.55,1200"
        assert price(row, header, "stocks/AAPL.csv").ticker == "AAPL"

    def test_the_column_counts_where_there_is_one(self) -> None:
        assert price(GOOD, name="stocks/AAPL.csv").ticker == "CSTA"

    @pytest.mark.parametrize(
        ("header", "name", "said"),
        [
            ("date,open,high,low,close", "prices.csv", "lacks the column ticker, and the file is not named after one"),
            ("date,open,high,low", "AAPL.csv", "lacks the column close, of 4 it has"),
            ("symbol,close", "a.csv", "lacks the columns timestamp, open, high, low, of 2 it has"),
            ("symbol,date,date,open,high,low,close", "a.csv", "has the column date more than once"),
        ],
    )
    def test_what_a_header_lacks_is_said(self, header: str, name: str, said: str) -> None:
        assert header_fault(header.split(","), name) == f"row 0 {said}"

    def test_a_column_s_own_name_counts_before_its_other_names(self) -> None:
        assert STOCKS.places(["price", "vol", "close", "volume"]) == {"close": 2, "volume": 3}


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("2026-03-02", "2026-03-02T00:00:00.000Z"),
            ("20260302", "2026-03-02T00:00:00.000Z"),
            ("2026-03-02 09:30", "2026-03-02T09:30:00.000Z"),
            ("2026-03-02 09:30:00", "2026-03-02T09:30:00.000Z"),
            ("2026-03-02t09:30:00z", "2026-03-02T09:30:00.000Z"),
            ("20260302T093000Z", "2026-03-02T09:30:00.000Z"),
            ("2026-03-02T09:30:00.125+01:00", "2026-03-02T08:30:00.125Z"),
            ("2026-03-02T09:30:00.125000000Z", "2026-03-02T09:30:00.125Z"),
            ("2026-03-01 00:00:00-05:00", "2026-03-01T05:00:00.000Z"),
            ("1970-01-01", "1970-01-01T00:00:00.000Z"),
            ("2026-03-03T12:00:00Z", "2026-03-03T12:00:00.000Z"),
        ],
    )
    def test_the_common_iso_forms_become_utc(self, text: str, utc: str) -> None:
        found = price(row_with(timestamp=text))
        assert (found.timestamp, found.day) == (utc, utc[:10])

    @pytest.mark.parametrize(
        "text",
        ["", "03/02/2026", "2026-13-02", "2026-02-30", "Mar 2, 2026", "1772443800", "2026-W10-1", "2026-03-02x09:30"],
    )
    def test_other_forms_are_refused(self, text: str) -> None:
        found = rejection(row_with(timestamp=text))
        assert (found.rule, found.column, found.day) == ("timestamp_readable", "timestamp", "")

    @pytest.mark.parametrize("text", ["2026-03-02T09:30:00.0001Z", "2026-03-02T09:30:00.000000001"])
    def test_times_that_milliseconds_cannot_tell_apart_are_refused(self, text: str) -> None:
        assert rejection(row_with(timestamp=text)).rule == "timestamp_readable"

    @pytest.mark.parametrize("text", ["1969-12-31T23:59:59Z", "2026-03-03T12:00:01Z", "9999-12-31T23:59:59-23:00"])
    def test_times_that_cannot_be_are_refused(self, text: str) -> None:
        assert rejection(row_with(timestamp=text)).rule in {"timestamp_in_range", "timestamp_readable"}


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("112.5", "112.5"),
            ("1,234.50", "1234.50"),
            ("1,234,567.8901", "1234567.8901"),
            ("189.25000000000001", "189.25000000000001"),
            (" 112.50 ", "112.50"),
            (".5", "0.5"),
            ("112.", "112"),
            ("1e-05", "0.00001"),
            ("0." + "1" * 38, "0." + "1" * 38),
        ],
    )
    def test_a_price_is_as_exact_as_its_text(self, text: str, number: str) -> None:
        found = price(row_with(open=text, high=text, low=text, close=text))
        assert found.open == found.high == found.low == found.close == Decimal(number)

    @pytest.mark.parametrize(
        "text",
        [
            "-112.40", "0", "0.00", "", "-", "null", "NaN", "inf", "abc", "$112.40", "1.234,50", "12,5", "0,123",
            "1,2345", "1 234.50", "1_000", "\uff11\uff11\uff12", "+1", "1e13", "1e999", "1e-39", "1e-9999", ".",
            "0." + "1" * 39, "1000000000000.01",
        ],
    )  # fmt: skip
    def test_what_is_no_price_is_refused(self, text: str) -> None:
        found = rejection(row_with(low=text))
        assert (found.rule, found.column, found.day) == ("price_positive", "low", "2026-03-02")

    @pytest.mark.parametrize(
        ("text", "volume"),
        [
            ("1200", 1_200), ("1,234,567", 1_234_567), ("1234567.0", 1_234_567), ("0", 0), ("1.2e6", 1_200_000),
            ("", None), (" - ", None), ("null", None), ("NaN", None), ("N/A", None), (str(10**18), 10**18),
        ],
    )  # fmt: skip
    def test_volume_is_a_whole_number_or_nothing(self, text: str, volume: int | None) -> None:
        found = price(row_with(volume=text))
        assert found.volume == volume

    def test_a_file_may_have_no_volume_at_all(self) -> None:
        assert price(GOOD.rpartition(",")[0], OWN.rpartition(",")[0]).volume is None

    @pytest.mark.parametrize("text", ["-1", "1.5", "1.2M", "many", "1e999", "1e-999", str(10**18 + 1)])
    def test_what_is_no_volume_is_refused(self, text: str) -> None:
        found = rejection(row_with(volume=text))
        assert (found.rule, found.column) == ("volume_whole", "volume")


class TestRowsThatCannotBe:
    @pytest.mark.parametrize(
        ("values", "rule"),
        [
            pytest.param({"high": "112.00"}, "high_is_highest", id="high below low"),
            pytest.param({"high": "112.50"}, "high_is_highest", id="high below close"),
            pytest.param({"open": "113.01"}, "high_is_highest", id="open above high"),
            pytest.param({"low": "112.45"}, "low_is_lowest", id="low above open"),
            pytest.param({"open": "112.50", "close": "112.02", "low": "112.03"}, "low_is_lowest", id="close below low"),
        ],
    )
    def test_prices_that_contradict_each_other_are_refused(self, values: dict[str, str], rule: str) -> None:
        found = rejection(row_with(**values))
        assert found.rule == rule
        assert all(value in found.reason for value in values.values())

    def test_equal_prices_do_not_contradict_each_other(self) -> None:
        assert price(row_with(open="5", high="5", low="5.00", close="5"))

    @pytest.mark.parametrize("text", ["", "???", "Cesta Groceries", "A" * 25, "CSTA#1", "ČSTA"])
    def test_what_is_no_ticker_is_refused(self, text: str) -> None:
        assert rejection(row_with(ticker=text)).rule == "ticker_readable"

    @pytest.mark.parametrize(
        ("text", "ticker"), [("csta", "CSTA"), (" BRK/B ", "BRK/B"), ("^GSPC", "^GSPC"), ("7203.T", "7203.T")]
    )
    def test_tickers_are_in_capital_letters(self, text: str, ticker: str) -> None:
        assert price(row_with(ticker=text)).ticker == ticker

    def test_a_row_of_another_width_is_refused(self) -> None:
        found = rejection(GOOD + ",7")
        assert (found.rule, found.reason) == (
            "columns",
            "row 1: found 8 fields instead of 7, expected as many fields as the header has",
        )

    def test_a_line_that_is_no_csv_is_refused(self) -> None:
        found = PriceRules(COLUMNS, ARRIVED, "a.csv").price(3, UnreadableRecord('"CSTA', "a quotation mark"))
        assert isinstance(found, Rejection)
        assert (found.number, found.rule, found.fields) == (3, "row_readable", ('"CSTA',))

    def test_a_rejection_says_what_was_found_where_and_what_was_expected(self) -> None:
        found = rejection(row_with(close="-5"))
        assert found.reason == (
            "row 1, column close: found '-5', expected a price above zero and at most 1000000000000, of at most 38 "
            "digits, with a point before decimals and commas between thousands, if any"
        )
        assert found.fields == tuple(row_with(close="-5").split(","))


def test_an_unusual_move_is_kept_and_counted() -> None:
    rules = PriceRules(COLUMNS, ARRIVED, "a.csv")
    assert isinstance(rules.price(1, row_with(high="168.01", low="112").split(",")), Price)
    assert isinstance(rules.price(2, row_with(high="168.00", low="112").split(",")), Price)
    assert (rules.take_unusual(), rules.take_unusual()) == (1, 0)


def test_rules_cost_little() -> None:
    """Of the processor; measured 8 us a row."""
    rows = [row.split(",") for row in (GOOD, *(row_with(ticker=company.ticker) for company in COMPANIES))] * 200
    rules = PriceRules(COLUMNS, ARRIVED, "a.csv")
    began = time.process_time()
    for number, row in enumerate(rows):
        rules.price(number, row)
    assert (time.process_time() - began) / len(rows) < 100e-6
