-- Growth of the regions
--
-- How much more or less did each region sell than in the four weeks before, and what of it is price, volume and mix?
-- The newest weeks come first, of them the region that gained most; amounts of several currencies do not compare.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   region    text = none     Sales region; all where none is named
--   currency  text = none     Currency; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place           Place in the list, from 1
--   region          Sales region
--   currency        Currency of the amounts
--   period          First day of the four weeks
--   sales           What was sold in them, returns taken off
--   previous_sales  The same of the four weeks before
--   difference      What was sold more; the three effects add up to it
--   price_effect    What other prices brought
--   volume_effect   What more or fewer pieces brought
--   mix_effect      What other products within the categories brought

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY period DESC, sales - previous_sales DESC, region, currency) AS place,
    region, currency, period, sales, previous_sales, sales - previous_sales AS difference,
    price_effect, volume_effect, mix_effect
  FROM regional_growth
  WHERE as_of = ? /* as_of */
    AND (? /* region */ IS NULL OR region = ? /* region */)
    AND (? /* currency */ IS NULL OR currency = ? /* currency */)
)
SELECT
  place, region, currency, period, sales, previous_sales, difference, price_effect, volume_effect, mix_effect
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
