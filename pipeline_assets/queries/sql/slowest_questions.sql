-- Questions that take longest
--
-- Which kinds of questions take longest?
-- A kind of which no times are known is left out.
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
--   p95_seconds        How long the slowest of twenty takes, in seconds
--   zero_result_share  Share of them that found nothing, none where it is not known

WITH placed AS (
  SELECT
    row_number() OVER (ORDER BY p95_seconds DESC, queries DESC, template) AS place,
    template, queries, p95_seconds, zero_result_share
  FROM query_templates
  WHERE as_of = ? /* as_of */ AND p95_seconds IS NOT NULL
)
SELECT place, template, queries, p95_seconds, zero_result_share
FROM placed
WHERE place > ? /* after */
ORDER BY place
LIMIT ? /* limit */
