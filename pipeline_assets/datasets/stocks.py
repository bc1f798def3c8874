"""The price files: one row per bar of a ticker, from the synthetic market or from anywhere else."""

from pipeline_assets.datasets.spec import Column, Dataset, Rule

STOCKS = Dataset(
    name="stocks",
    description="Stock prices as CSV files, one row per bar of a ticker.",
    owner="team:markets",
    columns=(
        Column(
            "ticker",
            "text",
            "the share, in capital letters; a file without the column is named after it, such as AAPL.csv",
            optional=True,
            aliases=("symbol", "name"),
        ),
        Column(
            "timestamp",
            "datetime",
            "when the bar begins; without a zone it is UTC; a date alone is that day's bar, at midnight, and so is "
            "midnight with an offset in a file of daily bars; a column `time` beside `date` belongs to it",
            unit="UTC, to the millisecond",
            aliases=("datetime", "date", "dtyyyymmdd", "time"),
        ),
        Column("open", "number", "the first price of the bar", unit="the quote's currency"),
        Column("high", "number", "the highest price of the bar", unit="the quote's currency"),
        Column("low", "number", "the lowest price of the bar", unit="the quote's currency"),
        Column(
            "close",
            "number",
            "the last price of the bar",
            unit="the quote's currency",
            aliases=("close/last", "close*", "last", "price"),
        ),
        Column(
            "volume",
            "number",
            "what was traded; empty where nobody says",
            unit="shares",
            nullable=True,
            optional=True,
            aliases=("vol", "vol."),
        ),
    ),
    key=("ticker", "timestamp"),
    rules=(
        Rule("present", "halt", "the object version that the event announced"),
        Rule("size", "halt", "at most 1.5 GB, unpacked; split the file"),
        Rule("readable", "halt", "a CSV file in UTF-8, plain or gzip, whose name ends in .csv or .csv.gz"),
        Rule(
            "header",
            "halt",
            "a header line with the columns timestamp (or date), open, high, low and close, and ticker (or symbol) "
            "unless the file is named after its ticker, such as AAPL.csv",
        ),
        Rule("some_row_valid", "halt", "at least one row that can be accepted"),
        Rule(
            "row_readable", "quarantine", "a whole row of CSV, with quotation marks in pairs and doubled inside a value"
        ),
        Rule("columns", "quarantine", "as many fields as the header has"),
        Rule("ticker_readable", "quarantine", "a ticker of at most 24 letters, digits and . - _ / ^ ="),
        Rule(
            "timestamp_readable",
            "quarantine",
            "an ISO-8601 date or date and time, to the millisecond at most, such as 2026-03-02 or 2026-03-02T14:30:00Z",
        ),
        Rule("timestamp_in_range", "quarantine", "a time between 1970-01-01 and one day after the file arrived"),
        Rule(
            "price_positive",
            "quarantine",
            "a price above zero and at most 1000000000000, of at most 38 digits, "
            "with a point before decimals and commas between thousands, if any",
        ),
        Rule("high_is_highest", "quarantine", "a high that no price of the row is above"),
        Rule("low_is_lowest", "quarantine", "a low that no price of the row is below"),
        Rule("one_price", "quarantine", "one row for a ticker and a time; the first one of the file counts"),
        Rule("volume_whole", "quarantine", "a whole number from zero to 1000000000000000000, or nothing"),
        Rule("move_usual", "warn", "a high of at most one and a half times the low"),
    ),
)
