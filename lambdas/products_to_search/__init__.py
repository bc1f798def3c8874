"""Function behind the stream of the table of products."""
