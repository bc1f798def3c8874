-- Every change of every purchase, also of those that are deleted: whoever adds up its rows counts a purchase again for
-- each change of it.
--
-- The time of a change is that in the name of its document, which the stream gave; `processed_at` tells when the
-- document was written, and of a change that was replayed that is later than it was made. What is no document of a
-- change by its name, and amounts that no shop has, are left out: one of them would make every sum fail.
SELECT
  tenant_id,
  compra_id,
  user_id,
  fecha,
  CAST(year || '-' || month || '-' || day AS date) AS day,
  metadata.event_name AS event_name,
  date_parse(nullif(regexp_extract("$path", '_(\d{8}_\d{6})(_\d+)?\.json$', 1), ''), '%Y%m%d_%H%i%s') AS changed_at,
  metadata.processed_at AS processed_at,
  productos,
  resumen.total_productos AS total_productos,
  CASE WHEN resumen.total_cantidad < 1000000000000000000 THEN resumen.total_cantidad END AS total_cantidad,
  CASE WHEN resumen.total_precio < 1000000000000000000 THEN resumen.total_precio END AS total_precio,
  resumen.moneda AS moneda,
  "$path" AS document
FROM compras_json
WHERE compra_id IS NOT NULL AND regexp_like("$path", '_\d{8}_\d{6}(_\d+)?\.json$')
