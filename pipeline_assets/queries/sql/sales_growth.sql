-- Sales that grow or shrink
--
-- Which stores or categories grow most, and which shrink most?
-- The trend of the newest week is compared with that of four weeks before; a series too short for it is left out.
--
-- Parameters
--   as_of     as_of = newest                Day that the set was made as of
--   level     store|category|total = store  What to compare
--   order     best|worst = best             Which come first
--   currency  text = none                   Currency; all where none is named
--   limit     count = 20                    Most rows to list
--   after     place = 0                     Place after which the list begins
--
-- Columns
--   place     Place in the list, from 1
--   level     What the series is of: store, category or total
--   key       Which one: the id of the store, the category, or all
--   period    First day of the newest week
--   currency  Currency of the amounts
--   sales     What was sold in the week
--   trend     The trend of the sales
--   growth    Growth of the trend in four weeks, as a share of it

WITH weeks AS (
  SELECT
    level, "key", period, currency, sales, trend, growth,
    row_number() OVER (PARTITION BY "key", currency ORDER BY period DESC) AS age
  FROM sales_trends
  WHERE as_of = ? /* as_of */ AND level = ? /* level */
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
),
placed AS (
  SELECT
    row_number() OVER (
      ORDER BY CASE WHEN ? /* order */ = 'worst' THEN -growth ELSE growth END DESC, "key", currency
    ) AS place,
    level, "key", period, currency, sales, trend, growth
  FROM weeks
  WHERE age = 1 AND growth IS NOT NULL
)
SELECT place, level, "key", period, currency, sales, trend, growth
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
