"""Products as a table of a shop's back end keeps them, and the rules that a change of one has to meet."""

from pipeline_assets.datasets.spec import Column, Dataset, Rule

PRODUCTS = Dataset(
    name="products",
    description="Changes of products, from the stream of the table of products: one document per product in an index.",
    owner="team:sales",
    columns=(
        Column("codigo", "text", "the product"),
        Column("tenant_id", "text", "the tenant that sells it"),
        Column("nombre", "text", "its name"),
        Column("descripcion", "text", "what is said of it", nullable=True),
        Column("categoria", "text", "its category", nullable=True),
        Column("precio", "number", "price of one, to the last digit", unit="moneda", nullable=True),
        Column("moneda", "text", "currency of the price; the deployment's where a product has none", nullable=True),
    ),
    key=("tenant_id", "codigo"),
    rules=(
        Rule("of_this_table", "quarantine", "a change of the table of products"),
        Rule("event_name", "quarantine", "INSERT, MODIFY or REMOVE"),
        Rule("image", "quarantine", "the new image of an INSERT or MODIFY, the keys of a REMOVE"),
        Rule("key", "quarantine", "a text (S) that is not empty"),
        Rule("name", "quarantine", "a text (S) that is not empty"),
        Rule("description", "quarantine", "a text (S), or none"),
        Rule("category", "quarantine", "a text (S), or none"),
        Rule("price", "quarantine", "a number (N) of 0 or more, or none"),
        Rule("currency", "quarantine", "a text (S), or none"),
    ),
)
