// Categories that share baskets
//
// Which product categories are bought in the same basket, how often, and how much more often than by chance?
// A pair counts once per basket. A product filed under two categories counts in both; lines without a category are in
// no pair, yet their baskets are among all baskets.
//
// Parameters
//   min_support     share = 0.01             Least share of all baskets that hold both
//   min_confidence  share = 0                Least confidence, in the stronger of the two directions
//   by              baskets|lift = baskets   What the pairs are ordered by, greatest first
//   limit           count = 20               Most pairs to list
//
// Columns
//   category_a         First category, by name
//   category_b         Second category
//   baskets            Baskets that hold both
//   baskets_a          Baskets that hold the first
//   baskets_b          Baskets that hold the second
//   support            Share of all baskets that hold both
//   confidence_a_to_b  Share of the baskets with the first that also hold the second
//   confidence_b_to_a  Share of the baskets with the second that also hold the first
//   lift               Support over the product of the two single shares

MATCH (:Ticket)-[:PART_OF]->(basket:Basket)
WITH count(DISTINCT basket) AS all_baskets
// Categories are a few hundred at most, so leaving out rare ones first would cost more than their pairs do.
MATCH (basket:Basket)<-[:PART_OF]-(:Ticket)-[:CONTAINS]->(:Product)-[:IN_CATEGORY]->(category:Category)
WITH all_baskets, basket, collect(DISTINCT category.name) AS names
// Each name is paired with itself too: that count is the name's own baskets.
UNWIND range(0, size(names) - 1) AS i
UNWIND names[i..] AS other
WITH all_baskets, names[i] AS name, other
WITH all_baskets,
  CASE WHEN name <= other THEN name ELSE other END AS a,
  CASE WHEN name <= other THEN other ELSE name END AS b,
  count(*) AS baskets
WHERE toFloat(baskets) / all_baskets >= $min_support
WITH all_baskets, a, collect({b: b, baskets: baskets}) AS seconds
WITH all_baskets, a, seconds, [one IN seconds WHERE one.b = a | one.baskets][0] AS baskets_a
UNWIND seconds AS one
WITH all_baskets, one.b AS b, collect({a: a, baskets: one.baskets, baskets_a: baskets_a}) AS firsts
WITH all_baskets, b, firsts, [one IN firsts WHERE one.a = b | one.baskets][0] AS baskets_b
UNWIND firsts AS one
WITH all_baskets, one.a AS category_a, b AS category_b, one.baskets AS baskets, one.baskets_a AS baskets_a, baskets_b
WHERE category_a <> category_b
WITH category_a, category_b, baskets, baskets_a, baskets_b,
  toFloat(baskets) / all_baskets AS support,
  toFloat(baskets) / baskets_a AS confidence_a_to_b,
  toFloat(baskets) / baskets_b AS confidence_b_to_a,
  toFloat(baskets * all_baskets) / (baskets_a * baskets_b) AS lift
WHERE confidence_a_to_b >= $min_confidence OR confidence_b_to_a >= $min_confidence
RETURN category_a, category_b, baskets, baskets_a, baskets_b, support, confidence_a_to_b, confidence_b_to_a, lift
ORDER BY CASE $by WHEN 'lift' THEN lift ELSE toFloat(baskets) END DESC, baskets DESC, category_a, category_b
LIMIT $limit
