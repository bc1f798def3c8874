-- Changes of purchases per day
--
-- How many purchases were entered, changed and deleted on each day?
-- Every change counts here, on the day it was made.
--
-- Parameters
--   first_day  day = today-29  First day of changes
--   last_day   day = today     Last day of changes
--
-- Columns
--   tenant_id  The tenant
--   day        Day on which the changes were made, UTC
--   inserted   Purchases that were entered
--   modified   Changes of purchases
--   removed    Purchases that were deleted

SELECT
  tenant_id,
  CAST(changed_at AS date) AS day,
  count(CASE WHEN event_name = 'INSERT' THEN 1 END) AS inserted,
  count(CASE WHEN event_name = 'MODIFY' THEN 1 END) AS modified,
  count(CASE WHEN event_name = 'REMOVE' THEN 1 END) AS removed
FROM compras_changes
WHERE CAST(changed_at AS date) BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
GROUP BY tenant_id, CAST(changed_at AS date)
ORDER BY tenant_id, day
