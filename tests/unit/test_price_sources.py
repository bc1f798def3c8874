"""Price files as well-known sources write them, and the days of daily bars."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipeline_assets.csv_files.reading import RefusedFileError, open_csv
from pipeline_assets.csv_files.times import Times
from pipeline_assets.curation.conversions import converted
from pipeline_assets.datasets.stocks import STOCKS
from pipeline_assets.events.rejection import Rejection
from pipeline_assets.stocks.rows import Price, PriceRules, header_fault

ARRIVED = datetime(2026, 11, 21, 12, tzinfo=UTC)
BAR = "100,110,90,105,1000"
HEAD = "Ticker,Datetime,Open,High,Low,Close,Volume\n"


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "object")


class Reader:
    """Reads price files as their flow does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, content: str, name: str = "stocks/prices.csv") -> list[Price | Rejection]:
        self.path.write_text(content, encoding="utf-8")
        with open_csv(self.path, name, STOCKS, header_fault=lambda header: header_fault(header, name)) as file:
            rules = PriceRules(file.header, ARRIVED, name, file.peek(2_000))
            return [rules.price(number, fields) for number, fields in file.records()]

    def prices(self, content: str, name: str = "stocks/prices.csv") -> list[Price]:
        found = self(content, name)
        assert not [each.reason for each in found if isinstance(each, Rejection)]
        return [each for each in found if isinstance(each, Price)]

    def times(self, *texts: str) -> list[str]:
        """The times of a file of bars."""
        return [price.timestamp for price in self.prices(HEAD + "".join(f"CSTA,{text},{BAR}\n" for text in texts))]


DAILY = ["2026-11-19T00:00:00.000Z", "2026-11-20T00:00:00.000Z"]


class TestSources:
    @pytest.mark.parametrize(
        ("content", "name"),
        [
            pytest.param(
                "Price,Close,High,Low,Open,Volume\nTicker,CSTA,CSTA,CSTA,CSTA,CSTA\nDate,,,,,\n"
                "2026-11-19,105,110,90,100,1000\n2026-11-20,105,110,90,100,1000\n",
                "stocks/download.csv",
                id="yfinance, three lines of header",
            ),
            pytest.param(
                "Ticker,CSTA,CSTA,CSTA,CSTA,CSTA\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n"
                f"2026-11-19 00:00:00-05:00,{BAR}\n2026-11-20 00:00:00-05:00,{BAR}\n",
                "stocks/download.csv",
                id="yfinance, grouped by ticker, with an offset",
            ),
            pytest.param(
                "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
                f"CSTA,D,20261119,000000,{BAR},0\nCSTA,D,20261120,000000,{BAR},0\n",
                "stocks/csta.us.csv",
                id="Finam and stooq",
            ),
            pytest.param(
                f"<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\nCSTA,20261119,{BAR}\nCSTA,20261120,{BAR}\n",
                "stocks/metastock.csv",
                id="MetaStock",
            ),
            pytest.param(
                f"<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n2026.11.19,00:00,{BAR}\n2026.11.20,00:00:00,{BAR}\n",
                "stocks/CSTA.csv",
                id="MetaTrader",
            ),
            pytest.param(
                "Date,Close/Last,Volume,Open,High,Low\n"
                '11/19/2026,$105.00,"1,000",$100.00,$110.00,$90.00\n11/20/2026,$105,1000,$100,$110,90\n',
                "stocks/CSTA.csv",
                id="Nasdaq",
            ),
            pytest.param(
                "Date,Open,High,Low,Close*,Adj Close**,Volume\n"
                '"Nov 19, 2026",100,110,90,105,104.1,"1,000"\n"Nov 20, 2026",100,110,90,105,104.1,"1,000"\n',
                "stocks/CSTA.csv",
                id="Yahoo's page",
            ),
        ],
    )
    def test_give_the_same_bars(self, read: Reader, content: str, name: str) -> None:
        plain = "".join(f"CSTA,{day},{BAR}\n" for day in ("2026-11-19", "2026-11-20"))
        assert read.prices(content, name) == read.prices(HEAD + plain)

    def test_tickers_side_by_side_are_told(self, read: Reader) -> None:
        head = "Price,Close,Close,Open,Open\nTicker,AAPL,MSFT,AAPL,MSFT\nDate,,,,\n"
        said = "lines 1 to 3 are a header of two levels, with several of each side by side"
        with pytest.raises(RefusedFileError, match=said) as refused:
            read(head + "2026-11-19,1,2,3,4\n2026-11-20,1,2,3,4\n")
        assert refused.value.rows == 2

    @pytest.mark.parametrize(
        ("row", "rule", "shown"),
        [
            ("20/11/2026,$105,1,$100,$110,$90", "timestamp_readable", "'20/11/2026'"),
            ("11-20-2026,$105,1,$100,$110,$90", "timestamp_readable", "'11-20-2026'"),
            ("11/20/2026,€105,1,$100,$110,$90", "price_positive", "'€105'"),
            ("11/20/2026,$-105,1,$100,$110,$90", "price_positive", "'$-105'"),
            ("11/20/2026,$105,$1,$100,$110,$90", "volume_whole", "'$1'"),
        ],
    )
    def test_what_a_source_does_not_write_is_rejected(self, read: Reader, row: str, rule: str, shown: str) -> None:
        (found,) = read(f"Date,Close/Last,Volume,Open,High,Low\n{row}\n", "CSTA.csv")
        assert isinstance(found, Rejection)
        assert found.rule == rule
        assert f"found {shown}" in found.reason

    @pytest.mark.parametrize("text", ["11/19/2026", "03/02/2026", "Nov 19, 2026", "2026.11-19", "2026/13/19"])
    def test_dates_of_a_source_are_not_believed_of_another(self, read: Reader, text: str) -> None:
        (found,) = read(f'{HEAD}CSTA,"{text}",{BAR}\n')
        assert isinstance(found, Rejection)
        assert found.rule == "timestamp_readable"

    @pytest.mark.parametrize("armour", ["{}\u00a0", "\u200b{}", '="{}"', "'{}", "{}\u200e"], ids=ascii)
    @pytest.mark.parametrize(
        ("head", "day", "clock"),
        [
            ("Date,Close/Last,Volume,Open,High,Low", "11/20/2026", ""),
            ("Date,Close*,Volume,Open,High,Low", "Nov 20, 2026", ""),
            ("Date,Close*,Volume,Open,High,Low", "Nov\u00a020, 2026", ""),
            ("Date,Close,Volume,Open,High,Low", "2026.11.20", ""),
            ("<DATE>,<CLOSE>,<VOL>,<OPEN>,<HIGH>,<LOW>,<TIME>", "20261120", "000000"),
            ("<DATE>,<CLOSE>,<VOL>,<OPEN>,<HIGH>,<LOW>,<TIME>", "2026.11.20", "00:00"),
        ],
        ids=ascii,
    )
    def test_days_are_clean(self, read: Reader, armour: str, head: str, day: str, clock: str) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(
            [armour.format(day), 105, 1000, 100, 110, 90, *([armour.format(clock)] * bool(clock))]
        )
        (found,) = read.prices(f"{head}\n{line.getvalue()}", "CSTA.csv")
        assert found.timestamp == DAILY[1]

    def test_a_price_that_may_have_been_cut_off_is_not_believed(self, read: Reader) -> None:
        content = f"{HEAD}CSTA,2026-11-19,100,110,90,105\nCSTA,2026-11-20,100,110,90,100"
        whole, cut = read(content)
        assert isinstance(whole, Price)
        assert whole.volume is None
        assert isinstance(cut, Rejection)
        assert cut.rule == "columns"

    def test_dollars_are_of_one_source(self, read: Reader) -> None:
        (found,) = read(f"{HEAD}CSTA,2026-11-20,$100,110,90,105,1000\n")
        assert isinstance(found, Rejection)
        assert found.rule == "price_positive"

    @pytest.mark.parametrize("text", ["NULL", "nan", "None", "N/A", r"\N"])
    def test_a_placeholder_is_no_ticker(self, read: Reader, text: str) -> None:
        (found,) = read(f"{HEAD}{text},2026-11-20,{BAR}\n")
        assert isinstance(found, Rejection)
        assert found.rule == "ticker_readable"

    @pytest.mark.parametrize("text", ["\u200eCSTA", "CSTA\u00a0", '"=""CSTA"""', "NAN"], ids=ascii)
    def test_tickers_and_numbers_are_clean(self, read: Reader, text: str) -> None:
        (found,) = read.prices(f"\ufeff\u200b{HEAD}{text},2026-11-20\u200b,100\u00a0,110,90,105,\u2060NULL\n")
        assert (found.ticker, found.open, found.volume) == ("NAN" if text == "NAN" else "CSTA", Decimal(100), None)


class TestDays:
    @pytest.mark.parametrize("clock", [" 00:00:00", "T00:00:00", "T00:00", " 00:00:00.000", "T000000"])
    @pytest.mark.parametrize("offset", ["+09:00", "-05:00", "+05:30", "+14:00", "Z", ""])
    def test_a_daily_bar_is_of_its_date_whatever_its_offset(self, read: Reader, clock: str, offset: str) -> None:
        assert read.times(f"2026-11-20{clock}{offset}", "2026-11-19") == DAILY[::-1]

    def test_offsets_may_change_with_the_season(self, read: Reader) -> None:
        times = read.times("2026-03-28 00:00:00+01:00", "2026-03-29 00:00:00+01:00", "2026-03-30 00:00:00+02:00")
        assert times == [f"2026-03-{day}T00:00:00.000Z" for day in (28, 29, 30)]

    def test_a_bar_of_today_may_have_the_time_of_day(self, read: Reader) -> None:
        times = read.times("2026-11-18 00:00:00-05:00", "2026-11-19 00:00:00-05:00", "2026-11-20 15:32:10-05:00")
        assert times[1:] == ["2026-11-19T00:00:00.000Z", "2026-11-20T20:32:10.000Z"]

    @pytest.mark.parametrize("hours", [1, 4, 12])
    def test_bars_within_the_day_stay_instants_at_midnight_too(self, read: Reader, hours: int) -> None:
        texts = [f"2026-11-20 {hour:02}:00:00+01:00" for hour in range(0, 24, hours)]
        instants = [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
        assert read.times(*texts) == [f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" for moment in instants]

    def test_a_file_of_days_and_a_plain_date_are_one_bar(self, read: Reader) -> None:
        first = read.prices(f"Date,Ticker,Open,High,Low,Close,Volume\n2026-11-20 00:00:00+09:00,7203.T,{BAR}\n")
        again = read.prices(f"Date,Ticker,Open,High,Low,Close,Volume\n2026-11-20,7203.T,{BAR}\n")
        assert first == again
        assert first[0].day == "2026-11-20"

    def test_times_of_instants_are_converted(self) -> None:
        instants = Times(date(2015, 1, 1), ARRIVED)
        assert instants["2026-11-20 00:00:00+09:00"] == ("2026-11-19T15:00:00.000Z", "2026-11-19")

    def test_a_column_of_days_in_the_lake_takes_the_day_of_the_zone(self) -> None:
        days = pl.Series("day", [datetime(2026, 11, 20)]).dt.replace_time_zone("Asia/Tokyo")  # noqa: DTZ001 - set next
        frame = pl.DataFrame([days])
        taken = converted(pl.col("day"), frame.schema["day"], "date")
        assert taken is not None
        assert frame.select(taken).item() == date(2026, 11, 20)


def test_a_value_that_the_header_has_for_all_is_a_field_of_every_record(read: Reader) -> None:
    content = "Price,Close,High,Low,Open\nTicker,CSTA,CSTA,CSTA,CSTA\nDate,,,,\n2026-11-19,105,110,90,100\n,,,,\nx,1\n"
    read.path.write_text(content)
    with open_csv(read.path, "a.csv", STOCKS, header_fault=lambda header: header_fault(header, "a.csv")) as file:
        assert file.header == ("date", "close", "high", "low", "open", "ticker")
        assert list(file.records()) == [(1, ["2026-11-19", "105", "110", "90", "100", "CSTA"]), (2, ["x", "1"])]
