-- Purchases as they are now: the latest change of each, without those that were deleted.
--
-- Of changes within one second the one that was processed last counts, for the stream gives the changes of a purchase
-- in their order; SQL does not see their sequence numbers, which the objects have as metadata. Only where changes of
-- one second were replayed in another order it may differ from `compras_parquet`, whose `change_number` goes by them.
-- All folders are read, since a change may have moved its purchase to another day.
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
WHERE place = 1 AND event_name <> 'REMOVE'
