"""Purchases as a table of a shop's back end keeps them, and the rules that a change of one has to meet."""

from pipeline_assets.datasets.spec import Column, Dataset, Rule

COMPRAS = Dataset(
    name="compras",
    description="Changes of purchases, from the stream of the table of purchases: one JSON document per change.",
    owner="team:sales",
    columns=(
        Column("compra_id", "text", "the purchase"),
        Column("user_id", "text", "who bought", nullable=True),
        Column("tenant_id", "text", "the tenant whose purchase it is"),
        Column("fecha", "text", "when it was made, as the shop wrote it: YYYY-MM-DD HH:MM:SS"),
        Column("codigo", "text", "code of a product"),
        Column("nombre", "text", "name of the product", nullable=True),
        Column("precio_unitario", "number", "price of one, to the last digit", unit="the document's currency"),
        Column("cantidad", "number", "how many of it"),
    ),
    key=("tenant_id", "compra_id"),
    rules=(
        Rule("of_this_table", "quarantine", "a change of the table of purchases"),
        Rule("event_name", "quarantine", "INSERT, MODIFY or REMOVE"),
        Rule("image", "quarantine", "the new image of an INSERT or MODIFY, the old image of a REMOVE"),
        Rule("key", "quarantine", "a text (S) that is not empty"),
        Rule("user", "quarantine", "a text (S), or none"),
        Rule("fecha", "quarantine", "a time such as 2025-07-13 10:30:00 (S), from year 1900 on"),
        Rule("products", "quarantine", "a list (L) of products, each a map (M); an empty list is a purchase of none"),
        Rule("product_code", "quarantine", "a text (S) that is not empty"),
        Rule("product_name", "quarantine", "a text (S), or none"),
        Rule("price", "quarantine", "a number (N) of 0 or more"),
        Rule("quantity", "quarantine", "a number (N) above 0"),
    ),
)
