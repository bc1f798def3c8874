"""Named queries: in SQL on the lake, with the engines that answer them, and in Cypher on the purchase graph."""
