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

WITH versions AS (
  SELECT
    country, household_size, _deleted,
    row_number() OVER (PARTITION BY customer_id ORDER BY updated_at DESC, _load_id DESC, "date" DESC) AS place
  FROM customers
  WHERE "date" <= ? /* as_of */
)
SELECT
  country,
  count(*) AS customers,
  sum(household_size) AS persons
FROM versions
WHERE place = 1 AND NOT _deleted
GROUP BY country
ORDER BY customers DESC, country
