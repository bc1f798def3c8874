"""The tables of the e-commerce database, as they are exported, curated, queried and documented.

A new dataset is one more spec in `ECOMMERCE`; a new column is one more line of a spec.
"""

from pipeline_assets.datasets.catalog import Catalog
from pipeline_assets.datasets.spec import (
    Between,
    Column,
    Contract,
    Dataset,
    IsIn,
    Matches,
    NotAfter,
    NotAfterLoad,
    References,
    Rule,
)

OWNER = "team:commerce"
#: The currencies that the shops sell in.
CURRENCIES = ("USD", "EUR", "GBP", "MXN")
_UPDATED = Column("updated_at", "datetime", "when the source last changed the row", unit="UTC")
_UPDATED_IN_TIME = Rule(
    "updated_in_time",
    "quarantine",
    "a time of change at most a day after the day of the load",
    NotAfterLoad("updated_at"),
)
_CURRENCY = Column("currency", "text", "the currency of the row's amounts", unit="ISO 4217")
_CURRENCY_KNOWN = Rule(
    "currency_known", "quarantine", f"a currency of {', '.join(CURRENCIES)}", IsIn("currency", CURRENCIES)
)

CUSTOMERS = Dataset(
    name="customers",
    description="Customers, one row per household that buys.",
    owner=OWNER,
    columns=(
        Column("customer_id", "integer", "the customer"),
        Column("first_name", "text", "given name", personal="name"),
        Column("last_name", "text", "family name", personal="name"),
        Column("email", "text", "electronic mail address", nullable=True, personal="name"),
        Column("ssn", "text", "social security number", nullable=True, personal="ssn"),
        Column("age_band", "text", "age in years, in bands", nullable=True),
        Column("income_band", "text", "yearly income, in bands", nullable=True, unit="thousand USD"),
        Column("household_size", "integer", "persons of the household", nullable=True, unit="persons"),
        Column("country", "text", "where the customer lives", unit="ISO 3166-1 alpha-2"),
        Column("created_at", "datetime", "when the customer was first known", unit="UTC"),
        _UPDATED,
    ),
    key=("customer_id",),
    order=("updated_at",),
    rules=(
        Rule("customer_id_positive", "quarantine", "a customer_id above zero", Between("customer_id", 1)),
        Rule("country_known", "quarantine", "two capital letters for the country", Matches("country", "[A-Z]{2}")),
        Rule("household_size_usual", "warn", "a household of 1 to 12 persons", Between("household_size", 1, 12)),
        Rule(
            "created_before_updated",
            "quarantine",
            "created_at not after updated_at",
            NotAfter("created_at", "updated_at"),
        ),
        _UPDATED_IN_TIME,
    ),
)

PRODUCTS = Dataset(
    name="products",
    description="Products on sale, one row each.",
    owner=OWNER,
    columns=(
        Column("product_id", "integer", "the product"),
        Column("name", "text", "what people call it, unique"),
        Column("manufacturer_id", "integer", "who makes it", nullable=True),
        Column("department", "text", "department of the store", nullable=True),
        Column("brand", "text", "whose brand: National or Private", nullable=True),
        Column("category", "text", "product category", nullable=True),
        Column("product_type", "text", "kind of product within the category", nullable=True),
        Column("package_size", "text", "as printed on the package", nullable=True),
        _UPDATED,
    ),
    key=("product_id",),
    order=("updated_at",),
    rules=(
        Rule("product_id_positive", "quarantine", "a product_id above zero", Between("product_id", 1)),
        Rule("name_given", "quarantine", "a name of 1 to 500 characters", Matches("name", r"(?s).{1,500}")),
        Rule("brand_known", "warn", "the brand National or Private", IsIn("brand", ("National", "Private"))),
        _UPDATED_IN_TIME,
    ),
    identifiers=("ean", "gtin", "upc", "isbn", "barcode", "sku"),
)

STORES = Dataset(
    name="stores",
    description="Stores, one row each, the online shop among them.",
    owner=OWNER,
    columns=(
        Column("store_id", "integer", "the store"),
        Column("name", "text", "what people call it"),
        Column("region", "text", "sales region"),
        Column("country", "text", "where it is", unit="ISO 3166-1 alpha-2"),
        Column("time_zone", "text", "the zone its opening hours are in", unit="IANA time zone"),
        _UPDATED,
    ),
    key=("store_id",),
    order=("updated_at",),
    rules=(
        Rule("store_id_positive", "quarantine", "a store_id above zero", Between("store_id", 1)),
        Rule("country_known", "quarantine", "two capital letters for the country", Matches("country", "[A-Z]{2}")),
        Rule(
            "time_zone_named",
            "quarantine",
            "a time zone such as America/Chicago or UTC",
            Matches("time_zone", r"UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+)+"),
        ),
        _UPDATED_IN_TIME,
    ),
)

ORDERS = Dataset(
    name="orders",
    description="Orders, one row per basket that was paid.",
    owner=OWNER,
    columns=(
        Column("order_id", "integer", "the order"),
        Column("customer_id", "integer", "who bought; empty for a guest", nullable=True),
        Column("store_id", "integer", "where it was sold"),
        Column("ordered_at", "datetime", "when it was bought", unit="UTC"),
        Column("channel", "text", "where it was bought: store or online"),
        Column("status", "text", "how far it is: placed, paid, shipped, returned or cancelled"),
        Column("total", "decimal", "what was to be paid, discounts taken off", unit="of `currency`"),
        _CURRENCY,
        _UPDATED,
    ),
    key=("order_id",),
    order=("updated_at",),
    rules=(
        Rule("order_id_positive", "quarantine", "an order_id above zero", Between("order_id", 1)),
        Rule("channel_known", "quarantine", "the channel store or online", IsIn("channel", ("store", "online"))),
        Rule(
            "status_known",
            "quarantine",
            "the status placed, paid, shipped, returned or cancelled",
            IsIn("status", ("placed", "paid", "shipped", "returned", "cancelled")),
        ),
        Rule("total_in_range", "quarantine", "a total from 0 to 1000000", Between("total", 0, 1_000_000)),
        Rule("total_usual", "warn", "a total of at most 1000", Between("total", None, 1_000)),
        _CURRENCY_KNOWN,
        Rule(
            "ordered_before_updated",
            "quarantine",
            "ordered_at not after updated_at",
            NotAfter("ordered_at", "updated_at"),
        ),
        _UPDATED_IN_TIME,
    ),
    references=(References("customer_id", "customers"), References("store_id", "stores")),
)

ORDER_LINES = Dataset(
    name="order_lines",
    description="Order lines, one row per product of an order; returns are rows of their own.",
    owner=OWNER,
    columns=(
        Column("order_id", "integer", "the order it belongs to"),
        Column("line_number", "integer", "its place in the order, from 1"),
        Column("product_id", "integer", "what was bought"),
        Column("quantity", "integer", "how much", unit="pieces, or the product's own measure"),
        Column("unit_price", "decimal", "price of one before discounts", unit="of `currency`"),
        Column("discount", "decimal", "taken off the line, as a positive amount", unit="of `currency`"),
        Column("amount", "decimal", "what the line came to", unit="of `currency`"),
        _CURRENCY,
        Column("is_return", "boolean", "whether the goods came back"),
        _UPDATED,
    ),
    key=("order_id", "line_number"),
    order=("updated_at",),
    rules=(
        Rule("line_number_positive", "quarantine", "a line_number from 1 to 10000", Between("line_number", 1, 10_000)),
        Rule("quantity_positive", "quarantine", "a quantity above zero", Between("quantity", 1)),
        Rule("quantity_usual", "warn", "a quantity of at most 1000", Between("quantity", None, 1_000)),
        Rule("unit_price_not_negative", "quarantine", "a unit_price of at least 0", Between("unit_price", 0)),
        Rule("discount_not_negative", "quarantine", "a discount of at least 0", Between("discount", 0)),
        Rule("amount_in_range", "quarantine", "an amount from 0 to 1000000", Between("amount", 0, 1_000_000)),
        _CURRENCY_KNOWN,
        _UPDATED_IN_TIME,
    ),
    references=(References("order_id", "orders"), References("product_id", "products")),
)

PAYMENTS = Dataset(
    name="payments",
    description="Payments of orders, one row each; a card is known by its last four digits and a token.",
    owner=OWNER,
    columns=(
        Column("payment_id", "integer", "the payment"),
        Column("order_id", "integer", "the order it pays"),
        Column("paid_at", "datetime", "when it was made", unit="UTC"),
        Column("method", "text", "how: card, cash or voucher"),
        Column("card_number", "text", "number of the card", nullable=True, personal="card_number"),
        Column(
            "card_security_code",
            "text",
            "security code of the card",
            nullable=True,
            optional=True,
            personal="security_code",
        ),
        Column("amount", "decimal", "what was paid", unit="of `currency`"),
        _CURRENCY,
        Column("status", "text", "captured, refunded or declined"),
        _UPDATED,
    ),
    key=("payment_id",),
    order=("updated_at",),
    rules=(
        Rule("payment_id_positive", "quarantine", "a payment_id above zero", Between("payment_id", 1)),
        Rule(
            "method_known",
            "quarantine",
            "the method card, cash or voucher",
            IsIn("method", ("card", "cash", "voucher")),
        ),
        Rule("amount_in_range", "quarantine", "an amount from 0 to 1000000", Between("amount", 0, 1_000_000)),
        Rule(
            "status_known",
            "quarantine",
            "the status captured, refunded or declined",
            IsIn("status", ("captured", "refunded", "declined")),
        ),
        _CURRENCY_KNOWN,
        _UPDATED_IN_TIME,
    ),
    contract=Contract(unknown="freeze", changed="freeze"),
    references=(References("order_id", "orders"),),
)

QUERY_LOG = Dataset(
    name="query_log",
    description="What people asked the shop's assistants, one row per question.",
    owner=OWNER,
    columns=(
        Column("query_id", "integer", "the question"),
        Column("asked_at", "datetime", "when it was asked", unit="UTC"),
        Column("asked_by", "text", "pseudonym of who asked", nullable=True),
        Column("system", "text", "which of the systems was asked"),
        Column("text", "text", "what was asked", personal="free_text"),
        Column("seconds", "decimal", "how long the answer took", nullable=True, unit="s"),
        _UPDATED,
    ),
    key=("query_id",),
    order=("updated_at",),
    rules=(
        Rule("query_id_positive", "quarantine", "a query_id above zero", Between("query_id", 1)),
        Rule("text_given", "quarantine", "a question of 1 to 4000 characters", Matches("text", r"(?s).{1,4000}")),
        Rule("seconds_not_negative", "quarantine", "seconds of at least 0", Between("seconds", 0)),
        _UPDATED_IN_TIME,
    ),
    contract=Contract(unknown="discard"),
)

#: Every dataset of the e-commerce lake, those that others refer to first.
ECOMMERCE = Catalog("ecommerce", (CUSTOMERS, PRODUCTS, STORES, ORDERS, ORDER_LINES, PAYMENTS, QUERY_LOG))
#: Those that rest for days, as nothing of them changes; of the others there are rows on every open day.
RESTING = (CUSTOMERS, PRODUCTS, STORES)
