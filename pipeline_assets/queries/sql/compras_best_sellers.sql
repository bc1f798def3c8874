-- Best sellers of each tenant
--
-- Which products sold best at each tenant between two days?
-- Purchases count as they are now, so that a change of one does not count it again and a deleted one not at all.
--
-- Parameters
--   first_day  day = today-29  First day of purchases
--   last_day   day = today     Last day of purchases
--   limit      count = 10      Most products to list for each tenant and currency
--
-- Columns
--   tenant_id  The tenant
--   moneda     Currency of the amount
--   place      Place of the product by quantity, from 1
--   codigo     Code of the product
--   nombre     Name of the product, the last of its names where it has several
--   purchases  Purchases it was in
--   quantity   How much was sold
--   amount     What it came to

WITH sold AS (
  SELECT
    tenant_id,
    moneda,
    codigo,
    max(nombre) AS nombre,
    count(DISTINCT compra_id) AS purchases,
    sum(cantidad) AS quantity,
    sum(importe) AS amount
  FROM compras_current_lines
  WHERE day BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
  GROUP BY tenant_id, moneda, codigo
),
placed AS (
  SELECT
    tenant_id, moneda, codigo, nombre, purchases, quantity, amount,
    row_number() OVER (PARTITION BY tenant_id, moneda ORDER BY quantity DESC, amount DESC, codigo) AS place
  FROM sold
)
SELECT tenant_id, moneda, place, codigo, nombre, purchases, quantity, amount
FROM placed
WHERE place <= ? /* limit */
ORDER BY tenant_id, moneda, place
