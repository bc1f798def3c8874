"""The ticket flow: CSV files to the purchase graph."""
