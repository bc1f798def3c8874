"""SQL on the lake: the queries, and the engines that answer them, Athena and DuckDB."""
