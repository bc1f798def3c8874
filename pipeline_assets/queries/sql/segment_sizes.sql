-- Customer segments
--
-- How many customers has each segment, and what did they spend?
-- Those that spent most come first.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   currency  text = none     Currency; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place       Place in the list, from 1
--   segment     Name of the segment
--   currency    Currency of the amounts
--   customers   Customers in it
--   spend       What they spent, returns taken off
--   mean_spend  Mean of a customer
--   share       Share of the spend of all customers of the currency

WITH segments AS (
  SELECT segment, currency, count(*) AS customers, sum(monetary) AS spend
  FROM customer_segments
  WHERE as_of = ? /* as_of */ AND (? /* currency */ IS NULL OR currency = ? /* currency */)
  GROUP BY segment, currency
),
placed AS (
  SELECT
    row_number() OVER (ORDER BY spend DESC, segment, currency) AS place,
    segment, currency, customers, spend,
    CAST(round(CAST(spend AS double) / customers, 2) AS decimal(15, 2)) AS mean_spend,
    round(CAST(spend AS double) / nullif(CAST(sum(spend) OVER (PARTITION BY currency) AS double), 0E0), 4) AS share
  FROM segments
)
SELECT place, segment, currency, customers, spend, mean_spend, share
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
