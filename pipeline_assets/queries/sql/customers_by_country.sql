-- Customers by country
--
-- How many customers had each country, as was known on a day?
-- That is the latest of what was loaded up to the day; customers that were deleted by then are left out.
--
-- Parameters
--   as_of  day = today  Last day of loads to take into account
--
-- Columns
--   country    Where they live
--   customers  Customers who live there
--   persons    Persons of their households, as far as known

WITH known AS (
  SELECT
    customer_id, country, household_size, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY customer_id
    ) AS last_gone
  FROM customers
  WHERE "date" <= ? /* as_of */
),
versions AS (
  SELECT
    country, household_size, _deleted,
    row_number() OVER (
      PARTITION BY customer_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
)
SELECT
  country,
  count(*) AS customers,
  sum(household_size) AS persons
FROM versions
WHERE place = 1 AND NOT _deleted
GROUP BY country
ORDER BY customers DESC, country
