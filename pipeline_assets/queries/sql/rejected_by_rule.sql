-- Rejected rows by rule
--
-- Which rules were broken how often by what was loaded between two days?
--
-- Parameters
--   first_day  day = today-29  First day of loads
--   last_day   day = today     Last day of loads
--
-- Columns
--   dataset  Which table's rows
--   rule     The rule that was broken
--   column   The column that broke it
--   rejected  Rejected rows
--   objects  Raw objects they were in
--   refused  Objects that were refused whole
--   latest   When the last of them was rejected, in UTC

SELECT
  dataset,
  rule,
  "column",
  sum(CASE WHEN "row" > 0 THEN 1 ELSE 0 END) AS rejected,
  count(DISTINCT source) AS objects,
  sum(CASE WHEN "row" = 0 THEN 1 ELSE 0 END) AS refused,
  max(quarantined_at) AS latest
FROM rejected_rows
WHERE "date" BETWEEN ? /* first_day */ AND ? /* last_day */
GROUP BY dataset, rule, "column"
ORDER BY rejected DESC, refused DESC, dataset, rule, "column"
