"""The function that answers named queries in SQL."""
