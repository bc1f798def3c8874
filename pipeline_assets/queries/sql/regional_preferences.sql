-- What regions prefer
--
-- Of which categories does each region buy more, or less, than all regions do?
-- The strongest preference comes first.
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
--   place         Place in the list, from 1
--   region        Sales region
--   category      Product category
--   currency      Currency of the sales
--   share         Share of the category in what the region buys
--   index         That share over the one in all regions
--   shrunk_index  The index, drawn to 1 by how little was bought
--   lines         Order lines that it rests on

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY shrunk_index DESC, region, category, currency) AS place,
    region, category, currency, share, "index", shrunk_index, lines
  FROM regional_index
  WHERE as_of = ? /* as_of */
    AND (? /* region */ IS NULL OR region = ? /* region */)
    AND (? /* category */ IS NULL OR category = ? /* category */)
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT place, region, category, currency, share, "index", shrunk_index, lines
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
