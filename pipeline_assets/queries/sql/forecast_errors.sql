-- Errors of the forecasts
--
-- How far off would the forecasts have been before, beside the seasonal naive ones?
-- The series whose newest back-test went worst come first.
--
-- Parameters
--   as_of     as_of = newest                Day that the set was made as of
--   level     total|store|category = total  What was forecast
--   grain     day|week = day                Length of a period
--   currency  text = none                   Currency; all where none is named
--   limit     count = 20                    Most rows to list
--   after     place = 0                     Place after which the list begins
--
-- Columns
--   place           Place in the list, from 1
--   level           What the series is of: total, store or category
--   key             Which one: all, the id of the store, or the category
--   currency        Currency of the series
--   fold            Which back-test, 1 the newest
--   rmsse           Scaled error of the forecast
--   baseline_rmsse  The same of the seasonal naive forecast
--   coverage_80     Share of the periods within the interval of 80 of 100
--   coverage_95     Share of the periods within the interval of 95 of 100

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY fold, rmsse DESC, "key", currency) AS place,
    level, "key", currency, fold, rmsse, baseline_rmsse, coverage_80, coverage_95
  FROM forecast_scores
  WHERE as_of = ? /* as_of */ AND level = ? /* level */ AND grain = ? /* grain */
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT place, level, "key", currency, fold, rmsse, baseline_rmsse, coverage_80, coverage_95
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
