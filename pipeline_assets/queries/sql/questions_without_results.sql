-- Questions that find nothing
--
-- Which kinds of questions most often find nothing?
-- A kind of which no results are known is left out.
--
-- Parameters
--   as_of  as_of = newest  Day that the set was made as of
--   limit  count = 20      Most rows to list
--   after  place = 0       Place after which the list begins
--
-- Columns
--   place              Place in the list, from 1
--   template           Kind of question, ? for what differs
--   queries            How many there were
--   zero_result_share  Share of them that found nothing
--   p95_seconds        How long the slowest of twenty takes, in seconds

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY zero_result_share DESC, queries DESC, template) AS place,
    template, queries, zero_result_share, p95_seconds
  FROM query_templates
  WHERE as_of = ? /* as_of */ AND zero_result_share IS NOT NULL
)
SELECT place, template, queries, zero_result_share, p95_seconds
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
