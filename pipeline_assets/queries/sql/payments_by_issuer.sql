-- Payments by issuer
--
-- What was paid by the cards of each network, and in other ways?
-- Cards are told apart by their tokens, which change with the key that makes them.
--
-- Parameters
--   first_day  day = today-29  First day of payments
--   last_day   day = today     Last day of payments
--
-- Columns
--   method    How was paid
--   issuer    Network of the card, none for other ways to pay
--   currency  Currency of the amounts
--   payments  Payments made
--   cards     Different cards
--   captured  Sum of what was captured
--   refunded  Sum of what was refunded
--   declined  Payments that were declined

WITH known AS (
  SELECT
    payment_id, paid_at, method, card_issuer, card_token, amount, currency, status, _deleted, updated_at, _load_id, "date",
    max(CASE WHEN _deleted THEN _load_id WHEN _deleted_by IS NULL THEN '' ELSE _deleted_by END) OVER (
      PARTITION BY payment_id
    ) AS last_gone
  FROM payments
  -- What is said of a payment last is loaded no earlier than the day before it was made.
  WHERE "date" >= CAST(CAST(date_add('day', -1, CAST(? /* first_day */ AS date)) AS date) AS varchar)
),
versions AS (
  SELECT
    paid_at, method, card_issuer, card_token, amount, currency, status, _deleted,
    row_number() OVER (
      PARTITION BY payment_id ORDER BY _deleted, updated_at DESC, _load_id DESC, "date" DESC
    ) AS place
  FROM known
  -- What was read before the row was last found deleted does not count.
  WHERE _load_id >= last_gone
)
SELECT
  method,
  card_issuer AS issuer,
  currency,
  count(*) AS payments,
  count(DISTINCT card_token) AS cards,
  sum(CASE WHEN status = 'captured' THEN amount ELSE CAST(0 AS decimal(18, 2)) END) AS captured,
  sum(CASE WHEN status = 'refunded' THEN amount ELSE CAST(0 AS decimal(18, 2)) END) AS refunded,
  sum(CASE WHEN status = 'declined' THEN 1 ELSE 0 END) AS declined
FROM versions
WHERE place = 1 AND NOT _deleted
  AND CAST(paid_at AS date) BETWEEN CAST(? /* first_day */ AS date) AND CAST(? /* last_day */ AS date)
GROUP BY method, card_issuer, currency
ORDER BY payments DESC, method, issuer, currency
