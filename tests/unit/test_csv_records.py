"""Records of CSV files: where one ends and the next begins, where the header is, and whether the end was reached."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline_assets.csv_files.reading import RefusedFileError, open_csv
from pipeline_assets.datasets.tickets import TICKETS
from pipeline_assets.events.rejection import UnreadableRecord
from tests.worlds.csv_reading import COLUMNS, read, tickets, whole_reading
from tests.worlds.examples import examples
from tests.worlds.ticket_files import HEAD, row, two

#: Text that a till may print: letters, commas, marks and more than one line.
VALUES = st.text(st.sampled_from('ab 1,"\n'), max_size=6).filter(lambda text: not text.startswith((" ", "\n", ",")))
ROWS = st.lists(st.fixed_dictionaries({"product": VALUES, "category": VALUES, "store": VALUES}), min_size=1, max_size=6)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


def serialised(rows: list[dict[str, str]], quoting: int) -> tuple[list[list[str]], list[str]]:
    """Rows, and as they are written."""
    whole = [
        [f"T-{n}", each["product"], "B1", "2026-11-14 18:00:00", each["category"], "1", each["store"]]
        for n, each in enumerate(rows)
    ]
    lines = []
    for fields in whole:
        line = io.StringIO()
        csv.writer(line, quoting=quoting, lineterminator="\n").writerow(fields)  # type: ignore[arg-type]
        lines.append(line.getvalue())
    return whole, lines


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, quoting=QUOTING)
def test_rows_come_back_as_they_were_written(tmp_path: Path, rows: list[dict[str, str]], quoting: int) -> None:
    whole, lines = serialised(rows, quoting)
    assert read(tmp_path / "f", HEAD + "".join(lines)) == (whole, "")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300))
@given(rows=ROWS, quoting=QUOTING, data=st.data())
def test_a_stray_mark_costs_its_own_row_at_most(
    tmp_path: Path, rows: list[dict[str, str]], quoting: int, data: st.DataObject
) -> None:
    whole, lines = serialised(rows, quoting)
    struck = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[struck]) - 1))
    # A row of several lines is not known as one, once a mark of it is in doubt; nor is what looks like a closing mark.
    assume("\n" not in lines[struck][:-1])
    assume(not any('",' in value or value.endswith('"') for each in rows for value in each.values()))
    lines[struck] = lines[struck][:place] + '"' + lines[struck][place:]
    found, _ = read(tmp_path / "f", HEAD + "".join(lines))
    others = [fields for number, fields in enumerate(whole) if number != struck]
    assert [fields for fields in found if fields in others] == others
    assert len(found) <= len(whole)


class TestAMarkThatIsLeftOpen:
    @pytest.mark.parametrize("column", ["ticket_id", "product", "basket_id", "timestamp", "category", "store"])
    @pytest.mark.parametrize("below", [1, 2, 40])
    def test_takes_no_row_in_when_it_is_closed_in_the_same_column(
        self, tmp_path: Path, column: str, below: int
    ) -> None:
        opened = row("T-0", **{column: '"' + ("T-0" if column == "ticket_id" else "x")})
        closed = row("T-9", **{column: 'x"'})
        between = [row(f"T-{n}", product="a, b" if n == 99 else "Bread") for n in range(1, below)]
        found, _ = read(tmp_path / "f", HEAD + "".join([opened, *between, closed, row("T-last")]))
        assert isinstance(found[0], UnreadableRecord)
        lines = f"{below} line{'s' * (below > 1)}"
        assert found[0].why == f"a quotation mark that is closed {lines} below, in another row"
        assert [len(fields) for fields in found[1:]] == [7] * (below + 1)
        assert tickets(found)[-1] == "T-last"

    @pytest.mark.parametrize("column", COLUMNS)
    @pytest.mark.parametrize("below", [1, 3])
    def test_takes_no_row_in_where_marks_stand_for_what_is_above(self, tmp_path: Path, column: str, below: int) -> None:
        ditto = {column: '"'}
        between = [row(f"T-{n}", **({"store": "S2"} | {column: "1"})) for n in range(1, below)]
        found, _ = read(tmp_path / "f", HEAD + "".join([row("T-0", **ditto), *between, row("T-9", **ditto)]))
        assert len(found) == below + 1
        assert len(tickets(found)) == below - 1

    @pytest.mark.parametrize("store", ["S1", '"two\nlines"'], ids=ascii)
    def test_takes_no_row_in_below_one_that_breaks_off(self, tmp_path: Path, store: str) -> None:
        body = row("T-0", product='"x') + "T-1,y\n" + row("T-2", product='TV 40"', store=store)
        found, _ = read(tmp_path / "f", HEAD + body)
        assert [fields[0] for fields in found[1:]] == ["T-1", "T-2"]

    @pytest.mark.parametrize("opened", ["", '"two\nlines"', '"a\nb\nc"'], ids=ascii)
    @pytest.mark.parametrize("closed", ["", '"two\nlines"', '"a\nb\nc"'], ids=ascii)
    @pytest.mark.parametrize("between", [0, 2])
    def test_takes_no_row_in_beside_values_of_several_lines(
        self, tmp_path: Path, opened: str, closed: str, between: int
    ) -> None:
        first = row("T-0", product=opened or "Bread", category='"x')
        last = row("T-9", category='x"', store=closed or "S1")
        rows = [row(f"T-{n}") for n in range(1, between + 1)]
        found, _ = read(tmp_path / "f", HEAD + "".join([first, *rows, last, row("T-last")]))
        assert tickets(found) == [*(f"T-{n}" for n in range(1, between + 1)), "T-9", "T-last"]

    def test_in_a_line_that_breaks_off_takes_no_whole_row_in(self, tmp_path: Path) -> None:
        found, _ = read(tmp_path / "f", HEAD + 'T-0,"Bre\n' + row("T-1") + row("T-2", product='TV 40"'))
        assert tickets(found) == ["T-1", "T-2"]

    def test_takes_no_row_in_that_is_bad_itself(self, tmp_path: Path) -> None:
        body = row("T-0", product='"x') + "T-1,y\n" + row("T-2", timestamp="yesterday") + row("T-3", product='x"')
        found, _ = read(tmp_path / "f", HEAD + body)
        assert [fields[0] for fields in found[1:]] == ["T-1", "T-2", "T-3"]

    @pytest.mark.parametrize(
        "value",
        [
            "two\nlines",
            "two\r\nlines",
            "\nlines",
            "all, of\nthem",
            "a,b,c,d,e\nx",
            "x\na,b,c,d,e,f\ny",
            "flour, milk, eggs, salt, nuts, oats, rice\nx\ny",
            "x\nflour, milk, eggs, salt, nuts, oats, rice\ny",
            "x\nflour, milk, eggs, salt, nuts, oats, rice",
            "two lines\n",
            "\n, x\n",
            '"quoted"\n"lines"',
            'an "old"\none',
            "\n" * 50 + "x",
        ],
        ids=ascii,
    )
    @pytest.mark.parametrize("column", ["product", "category", "store"])
    def test_closed_where_it_belongs_is_a_value_of_several_lines(self, tmp_path: Path, value: str, column: str) -> None:
        quoted = '"' + value.replace('"', '""') + '"'
        found, cut = read(tmp_path / "f", HEAD + row("T-0") + row("T-1", **{column: quoted})[:-1])
        assert (dict(zip(COLUMNS, found[1], strict=True))[column], cut) == (value, "")


@pytest.mark.parametrize("marks", ["\ufeff", "\ufeff\ufeff"], ids=ascii)
def test_a_mark_of_byte_order_before_a_quotation_mark_hides_nothing(tmp_path: Path, marks: str) -> None:
    content = HEAD + row("T-0") + marks + row('"T-1, a"') + marks + row("T-2") + marks + "\n" + row("T-3")
    *whole, (_, _, end, _) = whole_reading(tmp_path / "f", content)
    assert [fields[0] for _, fields, _, _ in whole] == ["T-0", "T-1, a", "T-2", "T-3"]
    assert end == len(content.encode())


class TestTheHeader:
    @pytest.mark.parametrize(
        "before",
        [
            "sep=,\n",
            '"sep=,"\n',
            "\ufeffsep=;\r\n",
            "UTF-8\n",
            "Sales of November\n\n",
            "Sales of November,,,,,,\n,,,,,,\n",
            "# exported 2026-11-20, by the till\n# rows: 2, of 2\n",
            "\n\r\n  \n",
            "\ufeff\ufeff",
        ],
        ids=ascii,
    )
    def test_is_found_below_what_can_be_no_row(self, tmp_path: Path, before: str) -> None:
        found, _ = read(tmp_path / "f", before + two("T"))
        assert tickets(found) == ["T-1", "T-2"]

    @pytest.mark.parametrize(
        ("before", "line", "rows"),
        [
            (row("T-0"), 2, 3),
            ("Sales of,November\n", 2, 3),
            ("Sales\n\n" + row("T-0") + row("T-1"), 5, 4),
            ('"a" b\n', 2, 3),
        ],
        ids=["a row", "two values", "rows below a title", "no CSV"],
    )
    def test_below_what_may_be_a_row_is_told_and_nothing_is_lost(
        self, tmp_path: Path, before: str, line: int, rows: int
    ) -> None:
        with pytest.raises(RefusedFileError, match=f"; the header seems to be line {line}; expected") as refused:
            read(tmp_path / "f", before + two("T"))
        assert (refused.value.rule, refused.value.rows) == ("header", rows)

    def test_is_looked_for_in_the_first_lines_alone(self, tmp_path: Path) -> None:
        assert tickets(read(tmp_path / "f", "x\n" * 19 + two("T"))[0]) == ["T-1", "T-2"]
        with pytest.raises(RefusedFileError, match="of 1 it has"):
            read(tmp_path / "f", "x\n" * 20 + two("T"))

    @pytest.mark.parametrize("mark", [";", "\t", "|"])
    def test_with_another_separator_is_told_also_below_a_title(self, tmp_path: Path, mark: str) -> None:
        for before in ("", f"sep={mark}\n", "Sales\n"):
            with pytest.raises(RefusedFileError, match="row 0 is separated by") as refused:
                read(tmp_path / "f", before + two("T").replace(",", mark))
            assert refused.value.rows == 2

    @pytest.mark.parametrize("below", [1, 3])
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=ascii)
    def test_with_a_mark_left_open_that_a_row_closes_is_told(self, tmp_path: Path, below: int, end: str) -> None:
        rows = "".join(row(f"T-{n}")[:-1] + (',TV 40"\n' if n == below else ",x\n") for n in range(1, 5))
        said = f"row 0 has a quotation mark that is closed {below} line"
        with pytest.raises(RefusedFileError, match=said) as refused:
            read(tmp_path / "f", (HEAD[:-1] + ',"note\n' + rows).replace("\n", end))
        assert (refused.value.rule, refused.value.rows) == ("header", 4)

    @pytest.mark.parametrize("around", ["[{}]", "<{}>", "`{}`", "\u00ab{}\u00bb"], ids=ascii)
    def test_may_have_brackets_around_its_names(self, tmp_path: Path, around: str) -> None:
        head = ",".join(map(around.format, COLUMNS)) + "\n"
        assert tickets(read(tmp_path / "f", head + row("T-1"))[0]) == ["T-1"]

    def test_may_have_names_of_several_lines(self, tmp_path: Path) -> None:
        head = '"lo\nyal,\nty",' + HEAD[:-1] + ',"unit\nprice"\n'
        found, _ = read(tmp_path / "f", head + "y," + row("T-1")[:-1] + ",3\n")
        assert found == [["y", *row("T-1").strip().split(","), "3"]]

    def test_rows_are_numbered_from_it(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("Sales\n\n" + two("T") + ",,,,,,\n" + row("T-3"))
        with open_csv(tmp_path / "f", "t.csv", TICKETS) as file:
            assert [(number, fields[0]) for number, fields in file.records()] == [(1, "T-1"), (2, "T-2"), (3, "T-3")]


class TestEmptiness:
    @pytest.mark.parametrize("rest", [",", ",,,", ', ,"",\u00a0', ",\u200b"], ids=ascii)
    def test_empty_fields_beyond_the_header_are_none(self, tmp_path: Path, rest: str) -> None:
        assert read(tmp_path / "f", HEAD + row("T-1")[:-1] + rest + "\n")[0] == [row("T-1").strip().split(",")]

    def test_a_value_beyond_the_header_is_one(self, tmp_path: Path) -> None:
        assert len(read(tmp_path / "f", HEAD + row("T-1")[:-1] + ",,x\n")[0][0]) == 9

    @pytest.mark.parametrize(
        "line", [",,,,,,", '"","","","","","",""', ",,", "  , ,", "\u00a0,,,,,,", "\x1a", "\t", '""', '=""'], ids=ascii
    )
    @pytest.mark.parametrize("end", ["\n", ""])
    def test_a_line_without_any_value_is_no_row(self, tmp_path: Path, line: str, end: str) -> None:
        found, cut = read(tmp_path / "f", HEAD + row("T-1") + line + "\n" + row("T-2") + line + end)
        assert (tickets(found), len(found), cut) == (["T-1", "T-2"], 2, "")

    def test_fields_that_may_be_empty_may_be_left_out_at_the_end(self, tmp_path: Path) -> None:
        head = "ticket_id,product,basket_id,timestamp,quantity,store,category,,\n"
        body = "T-1,Bread,B1,2026-11-14,1,S1\nT-2,Bread,B1,2026-11-14,1,S1,Bakery\nT-3,Bread,B1,2026-11-14,1\n"
        found, _ = read(tmp_path / "f", head + body)
        assert [fields[6:] for fields in found] == [["", "", ""], ["Bakery", "", ""], []]
        assert found[2] == ["T-3", "Bread", "B1", "2026-11-14", "1"]

    def test_fields_that_may_have_been_cut_off_are_not_left_out(self, tmp_path: Path) -> None:
        head = "ticket_id,product,basket_id,timestamp,quantity,store,category\n"
        for last in ("T-2,Bread,B1,2026-11-14,1,S1", 'T-2,Bread,B1,2026-11-14,1,"S1"'):
            found, cut = read(tmp_path / "f", head + "T-1,Bread,B1,2026-11-14,1,S12\n" + last)
            assert (found[0][5:], found[1][5:]) == (["S12", ""], ["S1"])
            assert cut == "its last line has no end and is no whole row"

    def test_fields_of_a_column_that_nobody_knows_may_not(self, tmp_path: Path) -> None:
        assert len(read(tmp_path / "f", HEAD[:-1] + ",loyalty\n" + row("T-1"))[0][0]) == 7


class TestLinesInQuotationMarks:
    @pytest.mark.parametrize("header", [True, False])
    @pytest.mark.parametrize("every", [1, 2])
    def test_are_the_lines_within(self, tmp_path: Path, header: bool, every: int) -> None:  # noqa: FBT001 - a table
        def wrapped(line: str) -> str:
            return '"' + line[:-1].replace('"', '""') + '"\n'

        lines = [row("T-1", product='"Bread, white"'), row("T-2", product='"two\nlines"'), row("T-3")]
        written = [wrapped(line) if n % every == 0 else line for n, line in enumerate(lines)]
        found, _ = read(tmp_path / "f", (wrapped(HEAD) if header else HEAD) + "".join(written))
        assert [fields[:2] for fields in found] == [["T-1", "Bread, white"], ["T-2", "two\nlines"], ["T-3", "Bread"]]

    def test_one_value_with_commas_is_no_row(self, tmp_path: Path) -> None:
        assert read(tmp_path / "f", HEAD + '"a, b"\n')[0] == [["a, b"]]
