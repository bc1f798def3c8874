-- Customers of most value
--
-- Which customers are expected to spend most within the horizon?
-- Amounts of several currencies are not comparable: name one.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   currency  text = none     Currency; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place               Place in the list, from 1
--   customer_id         The customer
--   expected_value      Net spend that is expected
--   baseline_value      Net spend at the historical rate
--   currency            Currency of the amounts
--   expected_purchases  Days with a purchase that are expected
--   horizon_days        The horizon, from the day after on
--   segment             Segment of the customer
--   monetary            What was spent so far, returns taken off

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY worth.expected_value DESC, worth.customer_id) AS place,
    worth.customer_id, worth.expected_value, worth.baseline_value, worth.currency, worth.expected_purchases,
    worth.horizon_days, known.segment, known.monetary
  FROM customer_value AS worth
  JOIN customer_segments AS known ON known.customer_id = worth.customer_id
  WHERE worth.as_of = ? /* as_of */ AND known.as_of = ? /* as_of */
    AND (? /* currency */ IS NULL OR worth.currency = ? /* currency */)
)
SELECT
  place, customer_id, expected_value, baseline_value, currency, expected_purchases, horizon_days, segment, monetary
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
