-- Sales per day
--
-- How much was sold on each day, in each currency?
-- An order counts on the day it was bought, in UTC, as it was last known; cancelled ones are left out.
--
-- Parameters
--   first_day  day = today-29  First day of sales
--   last_day   day = today     Last day of sales
--
-- Columns
--   day        Day of the sales
--   currency   Currency of the amounts
--   orders     Orders bought on the day
--   customers  Known customers who bought
--   total      Sum of the orders
--   average    Mean of an order

WITH known AS (
  SELECT
    order_id, customer_id, ordered_at, status, total, currency, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY order_id
    ) AS last_gone
  FROM orders
  -- No order is loaded earlier than the day before it is bought: a rule rejects what says it was.
  WHERE "date" >= CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)
),
versions AS (
  SELECT
    customer_id, ordered_at, status, total, currency, _deleted,
    row_number() OVER (
      PARTITION BY order_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
)
SELECT
  CAST(ordered_at AS date) AS day,
  currency,
  count(*) AS orders,
  count(DISTINCT customer_id) AS customers,
  sum(total) AS total,
  CAST(round(CAST(sum(total) AS double) / count(*), 2) AS decimal(15, 2)) AS average
FROM versions
WHERE place = 1 AND NOT _deleted AND status <> 'cancelled'
  AND CAST(ordered_at AS date) BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
GROUP BY CAST(ordered_at AS date), currency
ORDER BY day, currency
