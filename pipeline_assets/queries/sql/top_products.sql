-- Products that sell best
--
-- Which products brought in most between two days?
-- Returned lines and cancelled orders are left out. A product counts once per currency it was sold in.
--
-- Parameters
--   first_day  day = today-29  First day of sales
--   last_day   day = today     Last day of sales
--   limit      count = 20      Most products to list
--
-- Columns
--   product_id  The product
--   name        What people call it, none where the products table does not know it
--   currency    Currency of the amount
--   orders      Orders it was in
--   quantity    How much was sold
--   amount      What it came to, discounts taken off

WITH order_known AS (
  SELECT
    order_id, ordered_at, status, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY order_id
    ) AS last_gone
  FROM orders
  -- No order is loaded earlier than the day before it is bought: a rule rejects what says it was.
  WHERE "date" >= CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)
),
order_versions AS (
  SELECT
    order_id, ordered_at, status, _deleted,
    row_number() OVER (
      PARTITION BY order_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM order_known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
),
line_known AS (
  SELECT
    line_number, order_id, product_id, quantity, amount, currency, is_return, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY order_id, line_number
    ) AS last_gone
  FROM order_lines
  -- A line comes with its order or after it.
  WHERE "date" >= CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)
),
line_versions AS (
  SELECT
    order_id, product_id, quantity, amount, currency, is_return, _deleted,
    row_number() OVER (
      PARTITION BY order_id, line_number ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM line_known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
),
product_known AS (
  SELECT
    product_id, name, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY product_id
    ) AS last_gone
  FROM products
),
product_versions AS (
  SELECT
    product_id, name, _deleted,
    row_number() OVER (
      PARTITION BY product_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM product_known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
)
SELECT
  line.product_id,
  product.name,
  line.currency,
  count(DISTINCT line.order_id) AS orders,
  sum(line.quantity) AS quantity,
  sum(line.amount) AS amount
FROM line_versions AS line
JOIN order_versions AS bought ON bought.order_id = line.order_id AND bought.place = 1
LEFT JOIN product_versions AS product
  ON product.product_id = line.product_id AND product.place = 1 AND NOT product._deleted
WHERE line.place = 1 AND NOT line._deleted AND NOT line.is_return
  AND NOT bought._deleted AND bought.status <> 'cancelled'
  AND CAST(bought.ordered_at AS date) BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
GROUP BY line.product_id, product.name, line.currency
ORDER BY amount DESC, line.product_id, line.currency
LIMIT ? /* limit */
