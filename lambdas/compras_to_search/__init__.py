"""Function behind the stream of the table of purchases that brings them into the index."""
