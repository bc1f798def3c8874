-- What is asked next
--
-- What do people ask in other words within five minutes?
-- The most frequent pairs come first.
--
-- Parameters
--   as_of     as_of = newest  Day that the set was made as of
--   template  text = none     Kind of the first question; all where none is named
--   limit     count = 20      Most rows to list
--   after     place = 0       Place after which the list begins
--
-- Columns
--   place          Place in the list, from 1
--   template       Kind of the first question
--   next_template  Kind of the next one
--   pairs          How often that was so

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY pairs DESC, template, next_template) AS place,
    template, next_template, pairs
  FROM query_reformulations
  WHERE as_of = ? /* as_of */ AND (? /* template */ IS NULL OR template = ? /* template */)
)
SELECT place, template, next_template, pairs
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
