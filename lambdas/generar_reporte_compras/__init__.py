"""Function that reports on purchases, named as in its source document."""
