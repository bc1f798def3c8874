-- Rows per day
--
-- How many rows of each dataset did the loads of each day bring, and from how many raw objects?
--
-- Parameters
--   first_day  day = today-29  First day of loads
--   last_day   day = today     Last day of loads
--
-- Columns
--   dataset  Which table's rows
--   day      Day of the loads
--   stored   Rows that the day has
--   deleted  Rows that say that a key is gone
--   objects  Raw objects that the rows are from

WITH all_rows AS (
  SELECT 'customers' AS dataset, "date", _deleted, _source FROM customers
  UNION ALL
  SELECT 'products' AS dataset, "date", _deleted, _source FROM products
  UNION ALL
  SELECT 'stores' AS dataset, "date", _deleted, _source FROM stores
  UNION ALL
  SELECT 'orders' AS dataset, "date", _deleted, _source FROM orders
  UNION ALL
  SELECT 'order_lines' AS dataset, "date", _deleted, _source FROM order_lines
  UNION ALL
  SELECT 'payments' AS dataset, "date", _deleted, _source FROM payments
  UNION ALL
  SELECT 'query_log' AS dataset, "date", _deleted, _source FROM query_log
)
SELECT
  dataset,
  "date" AS day,
  sum(CASE WHEN _deleted THEN 0 ELSE 1 END) AS stored,
  sum(CASE WHEN _deleted THEN 1 ELSE 0 END) AS deleted,
  count(DISTINCT _source) AS objects
FROM all_rows
WHERE "date" BETWEEN ? /* first_day */ AND ? /* last_day */
GROUP BY dataset, "date"
ORDER BY dataset, day
