"""The row rules: what a record becomes, and the sentence for the person who has to mend it."""

import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline_assets.csv_files.reading import RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.rejection import Rejection, UnreadableRecord
from pipeline_assets.graph.ownership import Line
from pipeline_assets.tickets.rows import RowRules

HEADER = list(TICKETS.column_names)
ARRIVED = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
GOOD = {
    "ticket_id": "T1",
    "product": "Bread",
    "basket_id": "B1",
    "timestamp": "2026-11-19 18:00:00",
    "category": "Bakery",
    "quantity": "2",
    "store": "S1",
}


def judge(**changes: str) -> Line | Rejection:
    return RowRules(HEADER, ARRIVED).line(7, list((GOOD | changes).values()))


def accepted(**changes: str) -> Line:
    row = judge(**changes)
    assert isinstance(row, Line), row
    return row


def rejected(**changes: str) -> Rejection:
    row = judge(**changes)
    assert isinstance(row, Rejection), row
    return row


def test_a_good_row_becomes_a_line() -> None:
    line = accepted()
    assert line[:-1] == ("T1", "Bread", "B1", "2026-11-19T18:00:00.000Z", "Bakery", 2, "S1", "2026-11-19")


@pytest.mark.parametrize(
    ("sold", "day"),
    [
        ("2026-11-19 23:59:50", "2026-11-19"),
        ("2026-11-20 00:00:10", "2026-11-19"),
        ("2026-11-20 05:59:59", "2026-11-19"),
        ("2026-11-20 06:00:00", "2026-11-20"),
    ],
)
def test_a_purchase_belongs_to_the_day_that_begins_when_the_shops_are_closed(sold: str, day: str) -> None:
    line = RowRules(HEADER, ARRIVED, timedelta(hours=6)).line(1, list((GOOD | {"timestamp": sold}).values()))
    assert isinstance(line, Line)
    assert line.day == day


def test_the_first_day_that_is_believed_begins_with_the_day_of_purchases() -> None:
    rules = RowRules(HEADER, ARRIVED, timedelta(hours=6))
    early, first = (rules.line(1, list((GOOD | {"timestamp": f"2015-01-01 0{hour}:00"}).values())) for hour in (5, 6))
    assert isinstance(early, Rejection)
    assert isinstance(first, Line)
    assert first.day == "2015-01-01"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-19 18:00:00", "2026-11-19T18:00:00.000Z"),
        ("2026-11-19T18:00:00", "2026-11-19T18:00:00.000Z"),
        ("2026-11-19T18:00:00Z", "2026-11-19T18:00:00.000Z"),
        ("2026-11-19T18:00:00.123456+00:00", "2026-11-19T18:00:00.123Z"),
        ("2026-11-19T00:30:00+02:00", "2026-11-18T22:30:00.000Z"),
        ("2026-11-19T23:30:00-05:00", "2026-11-20T04:30:00.000Z"),
        ("20261119T180000Z", "2026-11-19T18:00:00.000Z"),
        ("2026-11-19 18:00", "2026-11-19T18:00:00.000Z"),
        ("2026-11-19", "2026-11-19T00:00:00.000Z"),
    ],
)
def test_timestamps_in_the_common_iso_forms_become_utc(text: str, utc: str) -> None:
    line = accepted(timestamp=text)
    assert (line.timestamp, line.day) == (utc, utc[:10])


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "19/11/2026 18:00", "2026-13-01", "2026-11-19T25:00", "1763575200", "0001-01-01T00:00+23:59"],
)
def test_timestamps_that_are_none_are_rejected_and_have_no_day(text: str) -> None:
    row = rejected(timestamp=text)
    assert (row.rule, row.column, row.day) == ("timestamp_readable", "timestamp", "")
    assert row.reason.startswith(f"row 7, column timestamp: found {text!r}, expected an ISO-8601 date and time")


@pytest.mark.parametrize("text", ["2014-12-31T23:59:59Z", "2026-11-21T09:30:01Z", "9999-12-31"])
def test_times_before_history_or_after_arrival_are_rejected(text: str) -> None:
    assert rejected(timestamp=text).rule == "timestamp_in_range"


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("1", 1), ("+3", 3), ("1.5", Decimal("1.5")), ("1e2", 100), ("89638", 89638), ("1000000000000", 10**12)],
)
def test_quantities_above_zero_are_accepted(text: str, quantity: object) -> None:
    assert accepted(quantity=text).quantity == quantity


@pytest.mark.parametrize(
    "text", ["0", "0.0", "-1", "", "two", "1,5", "1_000", "NaN", "Infinity", "1e30", "1e-400", "10000000000000"]
)
def test_quantities_that_are_no_positive_number_are_rejected_with_their_day(text: str) -> None:
    row = rejected(quantity=text)
    assert (row.rule, row.column, row.day) == ("quantity_positive", "quantity", "2026-11-19")
    assert f"found {text!r}" in row.reason


def test_a_huge_quantity_is_kept_with_a_warning() -> None:
    rules = RowRules(HEADER, ARRIVED)
    rules.line(1, list((GOOD | {"quantity": "1001"}).values()))
    assert (rules.take_unusual(), rules.take_unusual()) == (1, 0)


@pytest.mark.parametrize("column", ["ticket_id", "product", "basket_id", "store"])
def test_an_empty_key_is_rejected_by_name(column: str) -> None:
    row = rejected(**{column: "  "})
    assert (row.rule, row.column) == ("key_present", column)


def test_an_empty_category_is_accepted() -> None:
    assert accepted(category="").category == ""


def test_a_key_longer_than_an_index_holds_is_rejected() -> None:
    row = rejected(product="x" * 501)
    assert (row.rule, row.column) == ("key_length", "product")
    assert len(row.reason) < 200
    assert accepted(product="x" * 450, store="y" * 450).store == "y" * 450


def test_too_few_or_too_many_fields_are_rejected() -> None:
    rules = RowRules(HEADER, ARRIVED)
    for fields, found in ((["T1", "Bread"], "2 fields instead of 7"), ([*GOOD.values(), "x"], "8 fields instead of 7")):
        row = rules.line(3, fields)
        assert isinstance(row, Rejection)
        assert (row.rule, row.reason) == ("columns", f"row 3: found {found}, expected as many fields as the header has")


def test_letters_with_accents_have_one_spelling() -> None:
    assert accepted(product="Cafe\u0301").product == accepted(product="Caf\u00e9").product


def test_fields_are_stripped_but_the_fingerprint_is_of_the_bytes() -> None:
    plain, padded = accepted(), accepted(product=" Bread ")
    assert plain.product == padded.product
    assert plain.fingerprint != padded.fingerprint
    assert accepted().fingerprint == plain.fingerprint


def test_columns_may_come_in_any_order_with_others_between() -> None:
    header = ["loyalty", *reversed(HEADER)]
    row = RowRules(header, ARRIVED).line(1, ["gold", *reversed(GOOD.values())])
    assert isinstance(row, Line)
    assert (row.ticket_id, row.store) == ("T1", "S1")


def opened(tmp_path: Path, content: bytes, name: str = "t.csv") -> list[list[str]]:
    path = tmp_path / "object"
    path.write_bytes(content)
    with open_csv(path, name, TICKETS) as file:
        return [fields for _, fields in file.records()]


HEAD = ",".join(HEADER).encode()


@pytest.mark.parametrize(
    ("content", "name", "rule", "sentence"),
    [
        pytest.param(b"", "t.csv", "header", "t.csv: it is empty; expected a header line", id="empty"),
        pytest.param(
            b"ticket_id,product\nT1,a\nT2,b\n", "t.csv", "header", "row 0 lacks the columns basket_id", id="missing"
        ),
        pytest.param(HEAD + b",store\n", "t.csv", "header", "row 0 has the column store more than once", id="twice"),
        pytest.param(HEAD.replace(b",", b";"), "t.csv", "header", "row 0 is separated by semicolons", id="semicolons"),
        pytest.param("ticket_id".encode("utf-16"), "t.csv", "readable", "it begins as UTF-16", id="UTF-16"),
        pytest.param(b"\x89PNG\r\x00\x00", "t.csv", "readable", "byte 6 is NUL", id="binary"),
        pytest.param(b'"a" b\n', "t.csv", "header", "row 0 has text after a closing quotation mark", id="quotes"),
        pytest.param(b"\x1f\x8b\x08broken", "t.csv.gz", "readable", "its gzip data is broken", id="broken gzip"),
        pytest.param(HEAD, "photo.png", "readable", "its name is 'photo.png'", id="not CSV"),
    ],
)
def test_files_without_a_readable_row_are_refused(
    tmp_path: Path, content: bytes, name: str, rule: str, sentence: str
) -> None:
    with pytest.raises(RefusedFileError, match="expected") as refused:
        opened(tmp_path, content, name)
    assert refused.value.rule == rule
    assert sentence in str(refused.value)


@pytest.mark.parametrize("length", range(12, 60, 3))
def test_a_gzip_file_that_is_cut_ends_refused_or_with_a_last_bad_row(tmp_path: Path, length: int) -> None:
    whole = gzip.compress(HEAD + b"\n" + b"".join(b"T%d,a,B,t,c,1,s\n" % n for n in range(50)))
    with suppress(RefusedFileError):
        records = opened(tmp_path, whole[:length], "t.csv.gz")
        assert isinstance(records[-1], UnreadableRecord)
        assert records[-1].why.startswith("gzip data that breaks off")


def test_a_line_without_end_is_read_in_pieces(tmp_path: Path) -> None:
    records = opened(tmp_path, HEAD + b"\n" + b"x" * 2_500_000 + b"\nT1,a\n")
    assert records[-1] == ["T1", "a"]
    assert all(len(record[0]) <= 1000 for record in records)


def test_what_is_shown_of_a_refused_file_is_not_in_the_sentence(tmp_path: Path) -> None:
    with pytest.raises(RefusedFileError) as refused:
        opened(tmp_path, b"T1,4111111111111111\n")
    assert "4111" not in str(refused.value)
    assert refused.value.shown == "T1,4111111111111111"


def test_a_header_that_is_not_utf8_can_be_written_down(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(HEAD + ",descripción\n".encode("latin-1"))
    with open_csv(path, "t.csv", TICKETS) as file:
        assert file.header[-1] == "descripci\\xf3n"


def test_a_row_with_a_nul_character_is_rejected() -> None:
    assert rejected(product="a\x00b").rule == "encoding"


def test_what_is_kept_of_a_rejected_row_is_limited() -> None:
    row = rejected(quantity="x" * 90_000)
    assert sum(map(len, row.fields)) < 2_000
    assert len(row.reason) < 2_000


def test_a_refused_header_counts_the_rows_it_loses(tmp_path: Path) -> None:
    with pytest.raises(RefusedFileError) as refused:
        opened(tmp_path, b"ticket_id,product\nT1,a\n\nT2,b\n")
    assert refused.value.rows == 2
