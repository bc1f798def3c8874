-- Queries of purchases, to be run one by one in Athena's editor with the database <stage>-compras-datacatalog chosen.
-- Written by `python -m docs.athena_queries` from pipeline_assets/queries, where `cesta query sql` has them from.
--
-- The views are made by the template; their statements stand here for a database that was made by hand.

-- Every change of every purchase, also of those that are deleted: whoever adds up its rows counts a purchase again for
-- each change of it.
--
-- The time of a change is that in the name of its document, which the stream gave; `processed_at` tells when the
-- document was written, and of a change that was replayed that is later than it was made. What is no document of a
-- change by its name, and amounts that no shop has, are left out: one of them would make every sum fail.
CREATE OR REPLACE VIEW compras_changes AS
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
WHERE compra_id IS NOT NULL AND regexp_like("$path", '_\d{8}_\d{6}(_\d+)?\.json$');

-- Purchases as they are now: the latest change of each, without those that were deleted.
--
-- Of changes within one second the one that was processed last counts, for the stream gives the changes of a purchase
-- in their order; SQL does not see their sequence numbers, which the objects have as metadata. Only where changes of
-- one second were replayed in another order it may differ from `compras_parquet`, whose `change_number` goes by them.
-- All folders are read, since a change may have moved its purchase to another day.
CREATE OR REPLACE VIEW compras_current AS
SELECT
  tenant_id, compra_id, user_id, fecha, day, changed_at, productos, total_productos, total_cantidad, total_precio, moneda
FROM (
  SELECT
    tenant_id, compra_id, user_id, fecha, day, event_name, changed_at, productos, total_productos, total_cantidad,
    total_precio, moneda,
    row_number() OVER (
      PARTITION BY tenant_id, compra_id ORDER BY changed_at DESC, processed_at DESC, document DESC
    ) AS place
  FROM compras_changes
)
WHERE place = 1 AND event_name <> 'REMOVE';

-- Products of purchases as they are now, a row for each line; a purchase without products has none.
--
-- An amount is rounded to two places, line by line; it is null where price or quantity are what no shop has.
CREATE OR REPLACE VIEW compras_current_lines AS
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
FROM compras_current CROSS JOIN UNNEST(compras_current.productos) AS line;

-- Best sellers of each tenant: Which products sold best at each tenant between two days? Purchases count as they are now, so that a change of one does not count it again and a deleted one not at all.
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
  WHERE day BETWEEN CAST(date_add('day', -29, current_date) /* first_day */ AS date) AND CAST(date_add('day', -0, current_date) /* last_day */ AS date)
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
WHERE place <= 10 /* limit */
ORDER BY tenant_id, moneda, place;

-- Changes of purchases per day: How many purchases were entered, changed and deleted on each day? Every change counts here, on the day it was made.
SELECT
  tenant_id,
  CAST(changed_at AS date) AS day,
  count(CASE WHEN event_name = 'INSERT' THEN 1 END) AS inserted,
  count(CASE WHEN event_name = 'MODIFY' THEN 1 END) AS modified,
  count(CASE WHEN event_name = 'REMOVE' THEN 1 END) AS removed
FROM compras_changes
WHERE CAST(changed_at AS date) BETWEEN CAST(date_add('day', -29, current_date) /* first_day */ AS date) AND CAST(date_add('day', -0, current_date) /* last_day */ AS date)
GROUP BY tenant_id, CAST(changed_at AS date)
ORDER BY tenant_id, day;

-- Purchases per day: How do purchases develop at each tenant, day by day? A purchase counts as it is now, on its own day; deleted ones are left out.
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
  WHERE day BETWEEN CAST(date_add('day', -29, current_date) /* first_day */ AS date) AND CAST(date_add('day', -0, current_date) /* last_day */ AS date)
  GROUP BY tenant_id, day, moneda
)
SELECT
  tenant_id, day, moneda, purchases, customers, items, amount, average, largest,
  sum(amount) OVER (PARTITION BY tenant_id, moneda ORDER BY day) AS running_amount
FROM days
ORDER BY tenant_id, day, moneda;

-- Recent purchases: Which purchases were made last, with all their products? Purchases as they are now, the newest first; one without products has a single row.
WITH recent AS (
  SELECT
    tenant_id, compra_id, user_id, fecha, total_precio, moneda,
    row_number() OVER (ORDER BY fecha DESC, tenant_id, compra_id) AS place
  FROM compras_current
  WHERE day >= CAST(date_add('day', -29, current_date) /* first_day */ AS date)
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
WHERE recent.place <= 50 /* limit */
ORDER BY recent.fecha DESC, recent.tenant_id, recent.compra_id, line.codigo, line.precio_unitario, line.cantidad;
