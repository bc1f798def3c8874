-- Alerts per day
--
-- How many payments of each day are alerts, and what do they come to?
-- The newest day comes first.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   day       day = none      Day of the payments, UTC; all where none is named
--   currency  text = none     Currency; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place        Place in the list, from 1
--   day          The day, UTC
--   currency     Currency of the amount
--   payments     Payments made
--   high         Payments whose risk is high: alerts
--   medium       Payments whose risk is medium
--   amount_high  Amount of the alerts

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY day DESC, currency) AS place,
    day, currency, payments, high, medium, amount_high
  FROM daily_alerts
  WHERE as_of = ? /* as_of */
    AND (? /* day */ IS NULL OR day = CAST(? /* day */ AS date))
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT place, day, currency, payments, high, medium, amount_high
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
