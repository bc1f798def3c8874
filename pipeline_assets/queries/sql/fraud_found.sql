-- Planted fraud that is found
--
-- How much of each kind of planted fraud do the scores find, beside the isolation forest?
--
-- Parameters
--   as_of  as_of = newest  Day that the set was made as of
--   limit  count = 20      Most rows to list
--   after  place = 0       Place after which the list begins
--
-- Columns
--   place                 Place in the list, from 1
--   fraud_type            Kind of the planted fraud, or all
--   payments              Payments that were ranked
--   planted               Planted ones among them
--   pr_auc                Average precision of the scores
--   baseline_pr_auc       The same of the isolation forest
--   recall_high           Share of the planted whose risk is high
--   false_alerts_per_day  Alerts per day that were not planted

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY CASE WHEN fraud_type = 'all' THEN 0 ELSE 1 END, fraud_type) AS place,
    fraud_type, payments, planted, pr_auc, baseline_pr_auc, recall_high, false_alerts_per_day
  FROM risk_scores
  WHERE as_of = ? /* as_of */
)
SELECT place, fraud_type, payments, planted, pr_auc, baseline_pr_auc, recall_high, false_alerts_per_day
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
