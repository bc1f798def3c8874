"""The lake: where its objects lie, how a day's object is replaced, and what the tables over them look like."""
