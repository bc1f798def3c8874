-- Purchases per day
--
-- How do purchases develop at each tenant, day by day?
-- A purchase counts as it is now, on its own day; deleted ones are left out.
--
-- Parameters
--   first_day  day = today-29  First day of purchases
--   last_day   day = today     Last day of purchases
--
-- Columns
--   tenant_id       The tenant
--   day             Day of the purchases
--   moneda          Currency of the amounts
--   purchases       Purchases made
--   customers       Customers who bought
--   items           Sum of the quantities
--   amount          Sum of the purchases
--   average         Mean of a purchase
--   largest         The largest purchase
--   running_amount  Sum of the purchases of the tenant from the first day up to this one

WITH days AS (
  SELECT
    tenant_id,
    day,
    moneda,
    count(*) AS purchases,
    count(DISTINCT user_id) AS customers,
    sum(total_cantidad) AS items,
    sum(total_precio) AS amount,
    round(CAST(sum(total_precio) AS double) / count(total_precio), 2) AS average,
    max(total_precio) AS largest
  FROM compras_current
  WHERE day BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
  GROUP BY tenant_id, day, moneda
)
SELECT
  tenant_id, day, moneda, purchases, customers, items, amount, average, largest,
  sum(amount) OVER (PARTITION BY tenant_id, moneda ORDER BY day) AS running_amount
FROM days
ORDER BY tenant_id, day, moneda
