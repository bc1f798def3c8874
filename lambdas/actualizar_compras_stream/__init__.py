"""Function behind the stream of the table of purchases, named as in its source document."""
