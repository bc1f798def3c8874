"""The ticket files: one row per product of a purchase ticket."""

from pipeline_assets.datasets.spec import Column, Dataset, Rule

TICKETS = Dataset(
    name="tickets",
    description="Purchase tickets as CSV files, one row per product of a ticket. A ticket is a number of a store, with "
    "its basket, on one day.",
    owner="team:purchases",
    columns=(
        Column("ticket_id", "text", "the ticket (receipt) the row belongs to"),
        Column("product", "text", "the product's unique name"),
        Column("basket_id", "text", "the basket, bought together; it may span several tickets"),
        Column("timestamp", "datetime", "when the row was sold; without a zone it is UTC", unit="UTC"),
        Column("category", "text", "the product's category; empty where it has none", nullable=True),
        Column("quantity", "number", "how much was sold, above zero", unit="pieces, or the product's own measure"),
        Column("store", "text", "the store that sold it"),
    ),
    key=("store", "ticket_id", "basket_id", "product"),
    rules=(
        Rule("present", "halt", "the object version that the event announced"),
        Rule("size", "halt", "at most 1.5 GB, unpacked; split the file"),
        Rule("readable", "halt", "a CSV file in UTF-8, plain or gzip, whose name ends in .csv or .csv.gz"),
        Rule(
            "header",
            "halt",
            "a header line with the columns ticket_id, product, basket_id, timestamp, category, quantity and store",
        ),
        Rule("some_row_valid", "halt", "at least one row that can be accepted"),
        Rule("complete", "halt", "a file that can be read to its end, where an earlier version of it could"),
        Rule(
            "some_row",
            "halt",
            "a row, or the metadata cesta-empty=yes on the object where it is meant to take back what its key held",
        ),
        Rule(
            "row_readable", "quarantine", "a whole row of CSV, with quotation marks in pairs and doubled inside a value"
        ),
        Rule("columns", "quarantine", "as many fields as the header has"),
        Rule("encoding", "quarantine", "text in UTF-8"),
        Rule(
            "key_present",
            "quarantine",
            "a value in ticket_id, product, basket_id and store, not what stands for none, such as NULL",
        ),
        Rule(
            "id_whole",
            "quarantine",
            "an id or a product with all its digits; a spreadsheet took it for a number, and wrote that in exponent "
            "form or, in a narrow column, as ####",
        ),
        Rule("key_length", "quarantine", "at most 500 characters"),
        Rule("ticket_size", "quarantine", "a ticket of at most 10000 rows"),
        Rule(
            "timestamp_readable",
            "quarantine",
            "an ISO-8601 date and time, such as 2026-03-01 09:30:00 or 2026-03-01T09:30:00+01:00",
        ),
        Rule("timestamp_in_range", "quarantine", "a time between 2015-01-01 and one day after the file arrived"),
        Rule("quantity_positive", "quarantine", "a number above zero"),
        Rule("quantity_usual", "warn", "a quantity of at most 1000"),
    ),
)
