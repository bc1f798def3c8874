"""The features of all prod sets in DuckDB's SQL, as one writes them by hand."""

# ruff: noqa: S608 - statements made of constants of this module

from __future__ import annotations

from typing import Final

#: A view of a table's rows that stand, and the keys of which several rows are known.
LATEST: Final = """
    CREATE VIEW raw_{name} AS SELECT * FROM read_parquet('{files}', hive_partitioning = false);
    CREATE TABLE several_{name} AS SELECT {key} FROM raw_{name} GROUP BY {key}
        HAVING count(*) > 1 OR bool_or(_deleted) OR max(_deleted_by) IS NOT NULL;
    CREATE VIEW {name} AS
        SELECT * FROM raw_{name} ANTI JOIN several_{name} USING ({key})
        UNION ALL BY NAME
        SELECT * EXCLUDE (gone) FROM (
            SELECT *, max(_deleted_by) OVER (PARTITION BY {key}) AS gone FROM raw_{name} SEMI JOIN several_{name}
            USING ({key})
        ) WHERE NOT _deleted AND (gone IS NULL OR _load_id >= gone)
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}, _load_id DESC, _source DESC, _row DESC) = 1
"""
_SIDE: Final = "region, currency, period"

#: By feature the statement that gives its rows; each may read those before it.
STATEMENTS: Final = {
    "sold_lines": """
        SELECT order_id, line_number, product_id, l.currency, quantity * sign AS quantity, amount * sign AS amount,
            customer_id, store_id, ordered_at::DATE AS day, coalesce(category, '(none)') AS category,
            coalesce(region, '(none)') AS region
        FROM (SELECT *, CASE WHEN is_return THEN -1 ELSE 1 END AS sign FROM order_lines) l
        JOIN orders o USING (order_id) LEFT JOIN products USING (product_id) LEFT JOIN stores USING (store_id)
        WHERE o.status NOT IN ('cancelled', 'placed') AND ordered_at < DATE '{as_of}' + INTERVAL 1 DAY""",
    "daily_sales": """
        SELECT 'total' AS level, 'all' AS key, currency, day, sum(amount) AS sales FROM sold_lines GROUP BY ALL
        UNION ALL
        SELECT 'store', store_id::VARCHAR, currency, day, sum(amount) FROM sold_lines GROUP BY ALL
        UNION ALL
        SELECT 'category', category, currency, day, sum(amount) FROM sold_lines GROUP BY ALL
        ORDER BY level, key, currency, day""",
    "customer_days": """
        SELECT customer_id, currency, day, sum(amount) AS spend, max(quantity) AS most FROM sold_lines
        WHERE customer_id IS NOT NULL GROUP BY ALL ORDER BY customer_id, currency, day""",
    "orders_by_group": """
        SELECT order_id, customer_id, CASE WHEN sold.order_id IS NULL THEN 'no sale'
            WHEN customer_id IS NULL THEN 'guests' ELSE 'buyers' END AS "group"
        FROM orders LEFT JOIN (SELECT DISTINCT order_id FROM sold_lines WHERE quantity > 0) sold USING (order_id)""",
    "customers_by_group": """
        SELECT customer_id, max(buys) AS buys FROM (
            SELECT customer_id, CASE WHEN "group" = 'buyers' THEN 1 ELSE 0 END AS buys FROM orders_by_group
            WHERE customer_id IS NOT NULL
            UNION ALL SELECT customer_id, 0 FROM customers
        ) GROUP BY customer_id""",
    "all_payments": """
        SELECT payment_id, paid_at, amount, p.currency, p.status, coalesce(card_token, '') AS card,
            paid_at >= DATE '{as_of}' + INTERVAL 1 DAY AS later, coalesce(customer_id::VARCHAR, '') AS customer,
            coalesce(store_id::VARCHAR, '') AS store,
            coalesce(CASE WHEN channel = 'online' THEN '' ELSE region END, '') AS region
        FROM payments p LEFT JOIN orders USING (order_id) LEFT JOIN stores USING (store_id) ORDER BY payment_id""",
    "regional_sales": """
        SELECT region, currency, category, product_id, (DATE '{as_of}' - day) // 28 AS period,
            sum(quantity) AS quantity, sum(amount) AS amount, count(*) AS lines
        FROM sold_lines WHERE (DATE '{as_of}' - day) // 28 < 13 GROUP BY ALL""",
    "category_sales": """
        SELECT region, currency, category, period, sum(amount) AS amount, sum(lines) AS lines FROM regional_sales
        GROUP BY ALL ORDER BY region, currency, category, period""",
    "growth_effects": f"""
        WITH categories AS (
            SELECT {_SIDE}, category, sum(quantity) AS quantity, sum(amount) AS amount FROM regional_sales GROUP BY ALL
        ), regions AS (
            SELECT {_SIDE}, sum(amount) AS amount FROM categories GROUP BY ALL
        ), priced AS (
            SELECT region, currency, now.period,
                sum(now.amount - earlier.amount / earlier.quantity * now.quantity) AS price
            FROM regional_sales now JOIN (SELECT * REPLACE (period - 1 AS period) FROM regional_sales) earlier
            USING (region, currency, category, product_id, period)
            WHERE now.quantity > 0 AND earlier.quantity > 0 GROUP BY ALL
        ), moved AS (
            SELECT {_SIDE}, sum(CASE WHEN earlier.quantity > 0 THEN (coalesce(now.quantity, 0) - earlier.quantity)
                * earlier.amount / earlier.quantity ELSE coalesce(now.amount, 0)::DOUBLE END) AS volume
            FROM categories now FULL JOIN (SELECT * REPLACE (period - 1 AS period) FROM categories) earlier
            USING (region, currency, category, period) GROUP BY ALL
        )
        SELECT {_SIDE}, coalesce(now.amount, 0) AS sales, coalesce(earlier.amount, 0) AS previous_sales,
            coalesce(price, 0.0) AS price, coalesce(volume, 0.0) AS volume
        FROM regions now FULL JOIN (SELECT * REPLACE (period - 1 AS period) FROM regions) earlier USING ({_SIDE})
        LEFT JOIN priced USING ({_SIDE}) LEFT JOIN moved USING ({_SIDE})
        WHERE period BETWEEN 0 AND 11 ORDER BY currency, region, period""",
    "asked_questions": r"""
        SELECT query_id, asked_at, asked_by, system, text, results, seconds::DOUBLE AS seconds,
            regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(lower(text),
                '^[\s¿¡]+|[\s.?!…]+$', '', 'g'), '"[^"]*"|''[^'']*''|«[^»]*»|“[^”]*”', '?', 'g'),
                '\[(?:card|ssn) ending \d+\]|\[security code\]', '?', 'g'),
                '\d{{4}}-\d\d?-\d\d?(?:[t ]\d\d?:\d\d(?::\d\d(?:\.\d+)?)?z?)?', '?', 'g'),
                '[#$€£]?\d+(?:[.,:/-]\d+)*%?', '?', 'g'), '\s+', ' ', 'g') AS template
        FROM query_log WHERE asked_at < DATE '{as_of}' + INTERVAL 1 DAY""",
}
