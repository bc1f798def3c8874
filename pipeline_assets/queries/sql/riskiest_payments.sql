-- Riskiest payments
--
-- Which payments look most like fraud, and why?
-- The alerts of a day are those of the day with `risk=high`.
--
-- Parameters
--   as_of  as_of = newest  Day that the set was made as of
--   risk   text = none     low, medium or high; all where none is named
--   day    day = none      Day of the payments, UTC; all where none is named
--   limit  count = 20      Most rows to list
--   after  place = 0       Place after which the list begins
--
-- Columns
--   place           Place in the list, from 1
--   payment_id      The payment
--   paid_at         When it was made, in UTC
--   score           Probability of fraud, 0 to 1
--   risk            low, medium or high, by the score
--   reasons         What is unusual of it, the strongest first
--   baseline_score  Score of the isolation forest

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY score DESC, payment_id) AS place,
    payment_id, paid_at, score, risk, reasons, baseline_score
  FROM payment_risk
  WHERE as_of = ? /* as_of */
    AND (? /* risk */ IS NULL OR risk = ? /* risk */)
    AND (? /* day */ IS NULL OR CAST(paid_at AS date) = CAST(? /* day */ AS date))
)
SELECT place, payment_id, paid_at, score, risk, reasons, baseline_score
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
