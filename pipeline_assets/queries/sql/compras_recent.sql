-- Recent purchases
--
-- Which purchases were made last, with all their products?
-- Purchases as they are now, the newest first; one without products has a single row.
--
-- Parameters
--   first_day  day = today-29  First day of purchases
--   limit      count = 50      Most purchases to list
--
-- Columns
--   fecha            When it was made, as the shop wrote it
--   tenant_id        Tenant whose purchase it is
--   compra_id        The purchase
--   user_id          Who bought, none where nobody is named
--   total_precio     What it came to
--   moneda           Currency of the amounts
--   codigo           Code of a product
--   nombre           Name of the product
--   precio_unitario  Price of one
--   cantidad         How many of it

WITH recent AS (
  SELECT
    tenant_id, compra_id, user_id, fecha, total_precio, moneda,
    row_number() OVER (ORDER BY fecha DESC, tenant_id, compra_id) AS place
  FROM compras_current
  WHERE day >= CAST(? /* first_day */ AS date)
)
SELECT
  recent.fecha,
  recent.tenant_id,
  recent.compra_id,
  recent.user_id,
  recent.total_precio,
  recent.moneda,
  line.codigo,
  line.nombre,
  line.precio_unitario,
  line.cantidad
FROM recent
LEFT JOIN compras_current_lines AS line ON line.tenant_id = recent.tenant_id AND line.compra_id = recent.compra_id
WHERE recent.place <= ? /* limit */
ORDER BY recent.fecha DESC, recent.tenant_id, recent.compra_id, line.codigo, line.precio_unitario, line.cantidad
