-- Questions by system
--
-- How many questions did each of the shop's assistants get, from how many people, and how fast did it answer?
--
-- Parameters
--   first_day  day = today-29  First day of questions
--   last_day   day = today     Last day of questions
--
-- Columns
--   system     Which assistant
--   questions  Questions asked
--   people     Different pseudonyms of who asked
--   mean_s     Mean time of an answer, in seconds
--   longest_s  Longest time of an answer, in seconds

WITH known AS (
  SELECT
    query_id, asked_at, asked_by, system, seconds, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY query_id
    ) AS last_gone
  FROM query_log
  -- What is said of a question last is loaded no earlier than the day before it was asked.
  WHERE "date" >= CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)
),
versions AS (
  SELECT
    asked_at, asked_by, system, seconds, _deleted,
    row_number() OVER (
      PARTITION BY query_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
)
SELECT
  system,
  count(*) AS questions,
  count(DISTINCT asked_by) AS people,
  round(CAST(sum(seconds) AS double) / count(seconds), 2) AS mean_s,
  max(seconds) AS longest_s
FROM versions
WHERE place = 1 AND NOT _deleted
  AND CAST(asked_at AS date) BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
GROUP BY system
ORDER BY questions DESC, system
