-- Market opportunities
--
-- Of which categories does a region buy less than all regions do, and what could be sold besides?
-- They come by their rank within a currency, which is by size times confidence.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   region    text = none     Sales region; all where none is named
--   category  text = none     Product category; all where none is named
--   currency  text = none     Currency; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place       Place in the list, from 1
--   rank        Rank within the currency, from 1
--   region      Sales region
--   category    Product category
--   currency    Currency of the size
--   size        Sales of twelve weeks that the region lacks
--   confidence  Chance that the region truly buys less, 0 to 1

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY "rank", currency, region, category) AS place,
    "rank", region, category, currency, size, confidence
  FROM market_opportunities
  WHERE as_of = ? /* as_of */
    AND (? /* region */ IS NULL OR region = ? /* region */)
    AND (? /* category */ IS NULL OR category = ? /* category */)
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT place, "rank", region, category, currency, size, confidence
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
