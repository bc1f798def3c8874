-- Customers who may leave
--
-- Which customers are most likely to buy nothing more within the horizon, and what did they spend so far?
--
-- Parameters
--   as_of    as_of = newest  Day that the set was made as of
--   segment  text = none     Segment, such as loyal; all where none is named
--   limit    count = 20      Most rows to list
--   after    place = 0       Place after which the list begins
--
-- Columns
--   place              Place in the list, from 1
--   customer_id        The customer
--   churn_probability  Probability of no purchase within the horizon
--   baseline_score     Score by the days since the last purchase alone
--   horizon_days       Days without a purchase that count as having left
--   segment            Segment of the customer
--   recency_days       Days since the last purchase
--   monetary           What was spent so far, returns taken off
--   currency           Currency of the amount

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY churn.churn_probability DESC, known.monetary DESC, churn.customer_id) AS place,
    churn.customer_id, churn.churn_probability, churn.baseline_score, churn.horizon_days,
    known.segment, known.recency_days, known.monetary, known.currency
  FROM customer_churn AS churn
  JOIN customer_segments AS known ON known.customer_id = churn.customer_id
  WHERE churn.as_of = ? /* as_of */ AND known.as_of = ? /* as_of */
    AND (? /* segment */ IS NULL OR known.segment = ? /* segment */)
)
SELECT
  place, customer_id, churn_probability, baseline_score, horizon_days, segment, recency_days, monetary, currency
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
