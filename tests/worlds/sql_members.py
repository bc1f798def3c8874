"""SQL that may be shipped, and SQL that may not, over the tables of the lake; all of it was run on Trino 476, too."""

from __future__ import annotations

#: What Athena refuses, what it answers otherwise for some values, and what the list leaves out, by what is the matter.
REFUSED: dict[str, str] = {
    "decimal by a decimal literal": "SELECT total / 7.0 AS a FROM orders",
    "decimal literals divided": "SELECT 1.0 / 3 AS a",
    "whole numbers divided": "SELECT quantity / 2 AS a FROM order_lines",
    "sum divided by a decimal literal": "SELECT sum(quantity) / 0.5 AS a FROM order_lines",
    "share of a sum of decimals": "SELECT total / sum(total) OVER () AS a FROM orders",
    "remainder": "SELECT quantity % 2 AS a FROM order_lines",
    "mean of decimals": "SELECT avg(total) AS a FROM orders",
    "mean of whole numbers times a decimal": "SELECT avg(quantity * 1.5) AS a FROM order_lines",
    "mean of doubles": "SELECT avg(CAST(seconds AS double)) AS a FROM query_log",
    "mean of decimals in a window": "SELECT avg(total) OVER (PARTITION BY currency) AS a FROM orders",
    "sum of doubles": "SELECT sum(CAST(total AS double)) AS a FROM orders",
    "sum of truths": "SELECT sum(_deleted) AS a FROM orders",
    "double to decimal": "SELECT CAST(CAST(total AS double) AS decimal(15, 2)) AS a FROM orders",
    "double rounded to more digits": "SELECT CAST(round(CAST(total AS double), 3) AS decimal(15, 2)) AS a FROM orders",
    "double to more digits than it has": "SELECT CAST(round(3.262431329867926E15, 2) AS decimal(18, 2)) AS a",
    "double to a whole number": "SELECT CAST(2.5E0 AS bigint) AS a",
    "double rounded to digits, to a whole number": "SELECT CAST(round(2.45E0, 1) AS bigint) AS a",
    "double to integer": "SELECT CAST(CAST(total AS double) AS integer) AS a FROM orders",
    "double to text": "SELECT CAST(CAST(total AS double) AS varchar) AS a FROM orders",
    "decimal to a whole number": "SELECT CAST(total AS bigint) AS a FROM orders",
    "decimal to fewer digits": "SELECT CAST(total AS decimal(18, 1)) AS a FROM orders",
    "decimal without a size": "SELECT CAST(total AS decimal) AS a FROM orders",
    "text of a length": "SELECT CAST(name AS varchar(3)) AS a FROM products",
    "text of a fixed length": "SELECT CAST(name AS char(3)) AS a FROM products",
    "text of another name": "SELECT CAST(order_id AS text) AS a FROM orders",
    "time to text": "SELECT CAST(ordered_at AS varchar) AS a FROM orders",
    "time to text of a length": "SELECT CAST(ordered_at AS varchar(10)) AS a FROM orders",
    "time of other digits": "SELECT CAST(ordered_at AS timestamp(6)) AS a FROM orders",
    "time with a zone": "SELECT CAST(ordered_at AS timestamp with time zone) AS a FROM orders",
    "text to a whole number": "SELECT CAST(status AS bigint) AS a FROM orders",
    "text to a day": "SELECT CAST(status AS date) AS a FROM orders",
    "literal that is no ISO day": "SELECT CAST('2026/03/01' AS date) AS a",
    "truth to a number": "SELECT CAST(_deleted AS bigint) AS a FROM orders",
    "cast that may fail": "SELECT TRY_CAST(status AS double) AS a FROM orders",
    "cast to real": "SELECT CAST(total AS real) AS a FROM orders",
    "day less a day": "SELECT CAST(ordered_at AS date) - CAST(updated_at AS date) AS a FROM orders",
    "day and a number": "SELECT CAST(ordered_at AS date) + 1 AS a FROM orders",
    "day less an interval": "SELECT CAST(ordered_at AS date) - INTERVAL '1' DAY AS a FROM orders",
    "day and an interval as text": (
        "SELECT CAST(CAST(ordered_at AS date) + INTERVAL '1' DAY AS varchar) AS a FROM orders"
    ),
    "time and an interval": "SELECT ordered_at + INTERVAL '1' HOUR AS a FROM orders",
    "moved day shown": "SELECT date_add('day', 1, CAST(ordered_at AS date)) AS a FROM orders",
    "moved day as text": "SELECT CAST(date_add('day', -1, CAST(ordered_at AS date)) AS varchar) AS a FROM orders",
    "moved day as text in a condition": (
        "SELECT order_id FROM orders WHERE \"date\" >= CAST(date_add('day', -1, CAST('2026-03-01' AS date)) AS varchar)"
    ),
    "moved day compared": (
        "SELECT order_id FROM orders WHERE CAST(ordered_at AS date) = date_add('day', 1, CAST('2026-03-01' AS date))"
    ),
    "day moved by hours": "SELECT CAST(date_add('hour', 1, CAST(ordered_at AS date)) AS date) AS a FROM orders",
    "time moved by a double": "SELECT date_add('day', 1.5E0, ordered_at) AS a FROM orders",
    "difference of times": "SELECT date_diff('day', ordered_at, updated_at) AS a FROM orders",
    "part of a text from its end": "SELECT substr(currency, -1, 1) AS a FROM orders",
    "part of a text to its end": "SELECT substr(currency, 2) AS a FROM orders",
    "part of a number": "SELECT substr(order_id, 1, 1) AS a FROM orders",
    "weekday of a time": "SELECT day_of_week(ordered_at) AS a FROM orders",
    "text to a decimal of fewer digits": "SELECT CAST('0.125' AS decimal(38, 2)) AS a",
    "text of a column to a decimal": "SELECT CAST(status AS decimal(38, 2)) AS a FROM orders",
    "begin of a month": "SELECT date_trunc('month', CAST(ordered_at AS date)) AS a FROM orders",
    "part of a time": "SELECT extract(year FROM ordered_at) AS a FROM orders",
    "time in a zone": "SELECT ordered_at AT TIME ZONE 'America/Mexico_City' AS a FROM orders",
    "time given a zone": "SELECT at_timezone(with_timezone(ordered_at, 'UTC'), 'UTC') AS a FROM orders",
    "time of the clock": "SELECT now() AS a",
    "today": "SELECT current_date AS a",
    "rounded decimal": "SELECT round(total, 1) AS a FROM orders",
    "rounded decimal, to whole": "SELECT round(total) AS a FROM orders",
    "rounded to tens": "SELECT round(CAST(total AS double), -1) AS a FROM orders",
    "rounded to a column's digits": "SELECT round(CAST(total AS double), order_id) AS a FROM orders",
    "cut off": "SELECT truncate(total) AS a FROM orders",
    "estimate of a count": "SELECT approx_distinct(order_id) AS a FROM orders",
    "estimate of a percentile": "SELECT approx_percentile(CAST(total AS double), 0.5) AS a FROM orders",
    "replaced by a group": "SELECT regexp_replace(name, '(a)', '$1') AS a FROM products",
    "part past the end": "SELECT split_part(name, 'x', 9) AS a FROM products",
    "value in JSON": "SELECT json_extract_scalar(other_columns, '$.a') AS a FROM orders",
    "capitals": "SELECT upper(name) AS a FROM products",
    "concat": "SELECT concat(name, NULL) AS a FROM products",
    "greatest of a list": "SELECT max(order_id, 2) AS a FROM orders",
    "several columns counted": "SELECT count(DISTINCT order_id, currency) AS a FROM orders",
    "pair counted": "SELECT count(DISTINCT (order_id, currency)) AS a FROM orders",
    "ordered aggregate": "SELECT array_agg(order_id ORDER BY order_id) AS a FROM orders",
    "numbered without an order": "SELECT row_number() OVER () AS a FROM orders",
    "different ones counted in a window": "SELECT count(DISTINCT order_id) OVER () AS a FROM orders",
    "whole number by another name": "SELECT CAST(order_id AS long) AS a FROM orders",
    "decimal by another name": "SELECT CAST(order_id AS numeric(18, 2)) AS a FROM orders",
    "order by a text": "SELECT order_id FROM orders ORDER BY 'x'",
    "order by a decimal": "SELECT order_id FROM orders ORDER BY 1.5",
    "frame of rows": "SELECT sum(total) OVER (ORDER BY order_id ROWS 1 PRECEDING) AS a FROM orders",
    "text joined to a number": "SELECT currency || order_id AS a FROM orders",
    "text joined to null": "SELECT currency || NULL AS a FROM orders",
    "text compared with a number": "SELECT order_id FROM orders WHERE currency = 1",
    "text compared with a day": "SELECT order_id FROM orders WHERE \"date\" >= DATE '2026-03-01'",
    "text among days": "SELECT order_id FROM orders WHERE \"date\" IN (DATE '2026-03-01')",
    "text among numbers": "SELECT order_id FROM orders WHERE status IN ('a', 1)",
    "text between days": "SELECT order_id FROM orders WHERE \"date\" BETWEEN DATE '2026-03-01' AND DATE '2026-03-02'",
    "day compared with a time": "SELECT order_id FROM orders WHERE CAST(ordered_at AS date) = ordered_at",
    "truth compared with a number": "SELECT order_id FROM orders WHERE _deleted = 1",
    "number as a condition": "SELECT order_id FROM orders WHERE order_id",
    "number negated as a condition": "SELECT order_id FROM orders WHERE NOT order_id",
    "number as a condition of a join": "SELECT a.order_id FROM orders AS a JOIN orders AS b ON a.order_id",
    "text and number in a CASE": "SELECT CASE WHEN _deleted THEN 'x' ELSE 1 END AS a FROM orders",
    "text and day in a CASE": (
        "SELECT CASE WHEN _deleted THEN status ELSE CAST(ordered_at AS date) END AS a FROM orders"
    ),
    "decimals of two scales in a CASE": "SELECT CASE WHEN _deleted THEN total ELSE 0.125 END AS a FROM orders",
    "number as a condition of a CASE": "SELECT CASE WHEN order_id THEN 1 ELSE 0 END AS a FROM orders",
    "text and number in a simple CASE": "SELECT CASE status WHEN 1 THEN 1 END AS a FROM orders",
    "text and day in IF": "SELECT if(_deleted, status, CAST(ordered_at AS date)) AS a FROM orders",
    "text and number in COALESCE": "SELECT coalesce(status, 0) AS a FROM orders",
    "text and number in NULLIF": "SELECT nullif(status, 0) AS a FROM orders",
    "text under a day": "SELECT CAST(ordered_at AS date) AS a FROM orders UNION ALL SELECT status FROM orders",
    "number under a text": "SELECT status AS a FROM orders UNION SELECT 1 FROM orders",
    "decimal under a number": "SELECT order_id AS a FROM orders UNION ALL SELECT total FROM orders",
    "fewer columns": "SELECT order_id AS a, status AS b FROM orders UNION ALL SELECT order_id FROM orders",
    "kind seen through a query": (
        "WITH w AS (SELECT sum(total) AS s FROM orders) SELECT x.s / 3 AS a FROM (SELECT s FROM w) AS x"
    ),
    "kind seen through a star": "WITH w AS (SELECT * FROM orders) SELECT round(total, 1) AS a FROM w",
    "LIKE of a number": "SELECT order_id FROM orders WHERE order_id LIKE '1%'",
    "LIKE in any case": "SELECT order_id FROM orders WHERE status ILIKE 'PAID'",
    "regular expression": "SELECT order_id FROM orders WHERE regexp_like(status, 'p')",
    "IS TRUE": "SELECT order_id FROM orders WHERE _deleted IS TRUE",
    "IS DISTINCT FROM": "SELECT order_id FROM orders WHERE status IS DISTINCT FROM 'x'",
    "cast with colons": "SELECT order_id::double AS a FROM orders",
    "== for =": "SELECT order_id FROM orders WHERE order_id == 1",
    "EXCLUDE": "SELECT * EXCLUDE (total) FROM orders",
    "EXCEPT of columns": "SELECT * EXCEPT (total) FROM orders",
    "REPLACE of columns": "SELECT * REPLACE (1 AS total) FROM orders",
    "list": "SELECT [1, 2] AS a",
    "array": "SELECT ARRAY[1, 2] AS a",
    "FROM first": "FROM orders SELECT order_id",
    "FROM alone": "FROM orders",
    "comma at the end": "SELECT order_id, FROM orders",
    "comma at the end of an IN": "SELECT order_id FROM orders WHERE order_id IN (1, 2,)",
    "ORDER BY after LIMIT": "SELECT order_id FROM orders LIMIT 5 ORDER BY order_id",
    "LIMIT then OFFSET": "SELECT order_id FROM orders ORDER BY order_id LIMIT 5 OFFSET 3",
    "OFFSET": "SELECT order_id FROM orders ORDER BY order_id OFFSET 3 LIMIT 5",
    "FETCH": "SELECT order_id FROM orders ORDER BY order_id FETCH FIRST 5 ROWS ONLY",
    "LIMIT too great": "SELECT order_id FROM orders ORDER BY order_id LIMIT 2147483648",
    "LIMIT reckoned": "SELECT order_id FROM orders ORDER BY order_id LIMIT 1 + 1",
    "LIMIT of a part": "SELECT order_id FROM orders ORDER BY order_id LIMIT 10 PERCENT",
    "LIMIT without an order": "SELECT order_id FROM orders LIMIT 5",
    "LIMIT in a part without an order": "WITH w AS (SELECT order_id FROM orders LIMIT 5) SELECT count(*) AS a FROM w",
    "order by an expression of a result": "SELECT -total AS total FROM orders ORDER BY total + 0",
    "order by a cast of a result": (
        "SELECT CAST(order_id AS varchar) AS order_id FROM orders ORDER BY coalesce(order_id, 0)"
    ),
    "DISTINCT ordered by another column": "SELECT DISTINCT currency FROM orders ORDER BY status",
    "UNION ordered by another column": "SELECT currency FROM orders UNION SELECT currency FROM orders ORDER BY status",
    "DISTINCT ON": "SELECT DISTINCT ON (currency) currency, status FROM orders ORDER BY currency",
    "GROUP BY ALL": "SELECT currency, count(*) AS a FROM orders GROUP BY ALL",
    "GROUPING SETS": "SELECT currency, count(*) AS a FROM orders GROUP BY GROUPING SETS ((currency), ())",
    "ROLLUP": "SELECT currency, count(*) AS a FROM orders GROUP BY ROLLUP (currency)",
    "result's name in GROUP BY": "SELECT CAST(ordered_at AS date) AS day, count(*) AS a FROM orders GROUP BY day",
    "result's name in WHERE": "SELECT order_id AS a FROM orders WHERE a > 1",
    "result's name in HAVING": "SELECT currency, count(*) AS n FROM orders GROUP BY currency HAVING n > 1",
    "result's name in a result": "SELECT order_id AS a, a + 1 AS b FROM orders",
    "QUALIFY": "SELECT order_id FROM orders QUALIFY row_number() OVER (ORDER BY order_id) = 1",
    "UNNEST": "SELECT n FROM orders CROSS JOIN UNNEST(ARRAY[1]) AS t(n)",
    "VALUES": "SELECT a FROM (VALUES (1)) AS t(a)",
    "table function": "SELECT * FROM range(5)",
    "file": "SELECT * FROM read_csv('/etc/passwd')",
    "sample": "SELECT order_id FROM orders TABLESAMPLE BERNOULLI (10)",
    "semi join": "SELECT a.order_id FROM orders AS a SEMI JOIN orders AS b ON a.order_id = b.order_id",
    "asof join": "SELECT a.order_id FROM orders AS a ASOF JOIN orders AS b ON a.order_id >= b.order_id",
    "natural join": "SELECT a.order_id FROM orders AS a NATURAL JOIN order_lines AS b",
    "USING": "SELECT order_id FROM orders JOIN order_lines USING (order_id)",
    "join without a condition": "SELECT a.order_id FROM orders AS a INNER JOIN orders AS b",
    "UNION BY NAME": "SELECT order_id FROM orders UNION ALL BY NAME SELECT order_id FROM orders",
    "EXCEPT ALL": "SELECT order_id FROM orders EXCEPT ALL SELECT order_id FROM orders",
    "query as a value": "SELECT (SELECT max(order_id) FROM orders) AS a",
    "query in IN": "SELECT order_id FROM orders WHERE order_id IN (SELECT order_id FROM order_lines)",
    "EXISTS": "SELECT order_id FROM orders WHERE EXISTS (SELECT 1 AS a FROM order_lines)",
    "recursion": "WITH RECURSIVE w AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM w WHERE a < 3) SELECT a FROM w",
    "address of an object": 'SELECT "$path" AS a FROM orders',
    "number of a row": "SELECT rowid AS a FROM orders",
    "result without a name": "SELECT count(*) FROM orders",
    "reserved word as a name": "SELECT order_id AS end FROM orders",
    "name of other letters": "SELECT order_id AS añadido FROM orders",
    "unknown column": "SELECT plaice FROM orders",
    "unknown table": "SELECT order_id FROM ordres",
    "number too long": "SELECT 9223372036854775808 AS a",
    "decimal too long": "SELECT 1234567890123456789.5 AS a",
    "a quote that is not closed": "SELECT 'x AS a FROM orders",
    "two statements": "SELECT order_id FROM orders; SELECT order_id FROM orders",
    "other statement": "DROP TABLE orders",
    "parameter in braces": "SELECT {'a': 1} AS a",
    "lambda": "SELECT transform(ARRAY[1], x -> x + 1) AS a",
    "bits": "SELECT order_id & 1 AS a FROM orders",
    "power": "SELECT order_id ^ 2 AS a FROM orders",
    "NaN": "SELECT nan() AS a",
    "chance": "SELECT rand() AS a",
}
#: What both answer alike.
TAKEN: dict[str, str] = {
    "casts between numbers": (
        "SELECT CAST(order_id AS double) AS a, CAST(total AS double) AS b, CAST(order_id AS decimal(18, 2)) AS c, "
        "CAST(total AS decimal(20, 4)) AS d, CAST(round(CAST(total AS double)) AS bigint) AS e, "
        "CAST(round(CAST(total AS double) * 1.115E0, 2) AS decimal(15, 2)) AS f FROM orders ORDER BY order_id"
    ),
    "casts to text": (
        "SELECT CAST(order_id AS varchar) AS a, CAST(total AS varchar) AS b, CAST(_deleted AS varchar) AS c, "
        "CAST(CAST(ordered_at AS date) AS varchar) AS d, CAST(total * 1.50 AS varchar) AS e, CAST(0.5 AS varchar) AS f "
        "FROM orders ORDER BY order_id"
    ),
    "casts of days and times": (
        "SELECT CAST(ordered_at AS date) AS a, CAST(CAST(ordered_at AS date) AS timestamp) AS b, "
        "CAST(\"date\" AS date) AS c, DATE '2026-03-01' AS d, TIMESTAMP '2026-03-01 10:00:00' AS e, "
        "CAST('2026-03-01 10:00:00.123' AS timestamp) AS f FROM orders ORDER BY order_id"
    ),
    "days moved": (
        "SELECT CAST(date_add('day', -1, CAST(ordered_at AS date)) AS date) AS a, "
        "CAST(CAST(date_add('month', 1, CAST(ordered_at AS date)) AS date) AS varchar) AS b, "
        "CAST(date_add('year', -1, DATE '2024-02-29') AS date) AS c, "
        "CAST(date_add('week', 1, date_add('day', order_id, CAST(ordered_at AS date))) AS date) AS d, "
        "date_add('second', -1, ordered_at) AS e, date_add('hour', 1, ordered_at) AS f FROM orders ORDER BY order_id"
    ),
    "divisions": (
        "SELECT CAST(total AS double) / 7.0 AS a, CAST(total AS double) / order_id AS b, order_id / 4E0 AS c, "
        "CAST(total AS double) / 3 AS d FROM orders ORDER BY order_id"
    ),
    "reckoning": (
        "SELECT total + 1 AS a, total * 1.5 AS b, total * order_id AS c, -total AS d, total - 0.005 AS e, "
        "CAST(total AS double) * total AS f, order_id * 2 - 1 AS g FROM orders ORDER BY order_id"
    ),
    "choices": (
        "SELECT CASE WHEN _deleted THEN total ELSE CAST(0 AS decimal(18, 2)) END AS a, if(_deleted, 1, 2) AS b, "
        "coalesce(total, CAST(0 AS decimal(18, 2))) AS c, nullif(currency, 'USD') AS d, "
        "CASE status WHEN 'paid' THEN 1 WHEN 'x' THEN NULL ELSE 0 END AS e, if(_deleted, 1) AS f "
        "FROM orders ORDER BY order_id"
    ),
    "conditions": (
        "SELECT order_id FROM orders WHERE (total > 0.05E0 OR total IN (0.05, 12) OR order_id BETWEEN 1 AND 2.5) "
        "AND NOT _deleted AND status <> 'x' AND status != 'y' AND customer_id IS NOT NULL AND currency LIKE 'U_D' "
        "AND currency NOT IN ('EUR') AND total NOT BETWEEN 1 AND 2 AND status NOT LIKE 'q%' ORDER BY order_id"
    ),
    "parts of texts": (
        "SELECT substr(currency, 1, 1) AS a, substr(currency, 2, 9) AS b, nullif(substr(status, 12, 2), '') AS c, "
        "substr(CAST(CAST(ordered_at AS date) AS varchar), 1, 7) AS d FROM orders ORDER BY order_id"
    ),
    "weekdays": (
        "SELECT day_of_week(CAST(ordered_at AS date)) AS a, day_of_week(DATE '2026-03-01') AS b, "
        "CAST(date_add('day', 1 - day_of_week(DATE '2026-03-01'), DATE '2026-03-01') AS date) AS c "
        "FROM orders ORDER BY order_id"
    ),
    "amounts": "SELECT order_id FROM orders WHERE total >= CAST('0.05' AS decimal(38, 2)) ORDER BY order_id",
    "text joined": "SELECT currency || ' ' || status AS a FROM orders ORDER BY order_id",
    "aggregates": (
        "SELECT currency, count(*) AS a, count(DISTINCT customer_id) AS b, sum(total) AS c, max(ordered_at) AS d, "
        "min(status) AS e, count(*) FILTER (WHERE _deleted) AS f, sum(order_id) AS g, "
        "round(CAST(sum(total) AS double) / count(total), 2) AS h FROM orders "
        "GROUP BY currency HAVING count(*) > 0 ORDER BY currency"
    ),
    "windows": (
        "SELECT order_id, row_number() OVER (PARTITION BY currency ORDER BY total DESC, order_id) AS a, "
        "rank() OVER (ORDER BY currency DESC NULLS FIRST) AS b, dense_rank() OVER (ORDER BY total) AS c, "
        "sum(total) OVER (PARTITION BY currency ORDER BY order_id) AS d, count(*) OVER () AS e "
        "FROM orders ORDER BY order_id"
    ),
    "orders": (
        "SELECT currency AS c, total AS t, -total AS total, order_id + 0 AS o FROM orders "
        "ORDER BY c DESC, total NULLS FIRST, 4, order_id * 2, orders.order_id LIMIT 5"
    ),
    "order of what is grouped": "SELECT count(*) AS n FROM orders GROUP BY currency ORDER BY currency, n",
    "DISTINCT": "SELECT DISTINCT currency AS c, status FROM orders ORDER BY status, 1",
    "united": (
        "SELECT order_id, currency FROM orders UNION ALL SELECT customer_id, status FROM orders ORDER BY order_id, 2"
    ),
    "less and among": (
        "WITH w AS (SELECT order_id FROM orders EXCEPT SELECT customer_id FROM orders), "
        "v AS (SELECT order_id FROM orders INTERSECT SELECT customer_id FROM orders) "
        "SELECT order_id FROM w UNION SELECT order_id FROM v ORDER BY order_id"
    ),
    "joined": (
        "SELECT a.order_id, b.total FROM orders a LEFT JOIN orders AS b ON a.order_id = b.order_id + 1 "
        "INNER JOIN orders AS c ON c.order_id = a.order_id CROSS JOIN (SELECT count(*) AS n FROM orders) AS d "
        "WHERE d.n > 0 ORDER BY a.order_id, b.order_id"
    ),
    "names in any case": "SELECT O.Order_ID, O.TOTAL AS Total FROM ORDERS AS o ORDER BY o.ORDER_ID",
    "names in quotes": 'SELECT "order_id" AS "end", "date" FROM "orders" ORDER BY "order_id"',
    "an order that hides behind a CTE": (
        "WITH orders AS (SELECT order_id AS n FROM orders) SELECT count(n) AS a FROM orders"
    ),
    "star": "SELECT * FROM orders ORDER BY order_id",
    "nulls": "SELECT CAST(NULL AS varchar) AS a, coalesce(NULL, 1) AS b, order_id = NULL AS c FROM orders",
}
#: What goes with the names of a catalogue; Athena alone has it.
NAMED: dict[str, str] = {
    "database": 'SELECT order_id FROM "cesta_dev_lake"."orders" ORDER BY order_id',
    "database in capitals": "SELECT Orders.order_id FROM CESTA_DEV_LAKE.Orders ORDER BY 1",
    "catalogue": "SELECT cesta_dev_lake.orders.order_id FROM AwsDataCatalog.cesta_dev_lake.orders ORDER BY 1",
}
