-- Products of purchases as they are now, a row for each line; a purchase without products has none.
--
-- An amount is rounded to two places, line by line; it is null where price or quantity are what no shop has.
SELECT
  compras_current.tenant_id,
  compras_current.compra_id,
  compras_current.user_id,
  compras_current.fecha,
  compras_current.day,
  line.codigo AS codigo,
  line.nombre AS nombre,
  line.precio_unitario AS precio_unitario,
  CASE WHEN line.cantidad < 10000000 THEN line.cantidad END AS cantidad,
  CAST(
    CASE
      WHEN line.precio_unitario < 1000000000000 AND line.cantidad < 10000000
        THEN line.precio_unitario * line.cantidad
    END AS decimal(38, 2)
  ) AS importe,
  compras_current.total_precio,
  compras_current.moneda
FROM compras_current CROSS JOIN UNNEST(compras_current.productos) AS line
