-- Sales to come
--
-- How much will be sold in the coming days or weeks, and within which intervals?
-- Returns are taken off. Periods come in their order.
--
-- Parameters
--   as_of     as_of = newest                Day that the set was made as of
--   level     total|store|category = total  What to forecast
--   key       text = none                   Id of the store, or the category; all where none is named
--   grain     day|week = day                Length of a period
--   currency  text = none                   Currency; all where none is named
--   limit     count = 28                    Most rows to list
--   after     place = 0                     Place after which the list begins
--
-- Columns
--   place     Place in the list, from 1
--   level     What the series is of: total, store or category
--   key       Which one: all, the id of the store, or the category
--   period    The day, or the first day of the week
--   currency  Currency of the amounts
--   forecast  What is expected to be sold
--   lower_80  Lower end of the interval that 80 of 100 periods should fall into
--   upper_80  Its upper end
--   lower_95  Lower end of the interval that 95 of 100 periods should fall into
--   upper_95  Its upper end
--   baseline  What was sold in the last period of the same season

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY period, "key", currency) AS place,
    level, "key", period, currency, forecast, lower_80, upper_80, lower_95, upper_95, baseline
  FROM sales_forecast
  WHERE as_of = ? /* as_of */ AND level = ? /* level */ AND grain = ? /* grain */
    AND (? /* key */ IS NULL OR "key" = ? /* key */)
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT
  place, level, "key", period, currency, forecast, lower_80, upper_80, lower_95, upper_95, baseline
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
