// Products bought together
//
// Which products lie in the same basket, how often, and how much more often than by chance?
// A pair counts once per basket, however many tickets the basket has. Lift 1 is chance; a high lift of a rare pair
// proves little, so keep min_support high enough for some dozens of baskets.
//
// Parameters
//   min_support     share = 0.002            Least share of all baskets that hold both
//   min_confidence  share = 0                Least confidence, in the stronger of the two directions
//   by              baskets|lift = baskets   What the pairs are ordered by, greatest first
//   limit           count = 20               Most pairs to list
//
// Columns
//   product_a          First product, by name
//   product_b          Second product
//   baskets            Baskets that hold both
//   baskets_a          Baskets that hold the first
//   baskets_b          Baskets that hold the second
//   support            Share of all baskets that hold both
//   confidence_a_to_b  Share of the baskets with the first that also hold the second
//   confidence_b_to_a  Share of the baskets with the second that also hold the first
//   lift               Support over the product of the two single shares

MATCH (:Ticket)-[:PART_OF]->(basket:Basket)
WITH count(DISTINCT basket) AS all_baskets
// A product has no more baskets than lines: too few lines, and it can be in no pair.
MATCH (product:Product)
WHERE toFloat(COUNT { (product)<-[:CONTAINS]-() }) / all_baskets >= $min_support
MATCH (product)<-[:CONTAINS]-(:Ticket)-[:PART_OF]->(basket:Basket)
WITH all_baskets, basket, collect(DISTINCT product.name) AS names
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
WITH all_baskets, one.a AS product_a, b AS product_b, one.baskets AS baskets, one.baskets_a AS baskets_a, baskets_b
WHERE product_a <> product_b
WITH product_a, product_b, baskets, baskets_a, baskets_b,
  toFloat(baskets) / all_baskets AS support,
  toFloat(baskets) / baskets_a AS confidence_a_to_b,
  toFloat(baskets) / baskets_b AS confidence_b_to_a,
  toFloat(baskets * all_baskets) / (baskets_a * baskets_b) AS lift
WHERE confidence_a_to_b >= $min_confidence OR confidence_b_to_a >= $min_confidence
RETURN product_a, product_b, baskets, baskets_a, baskets_b, support, confidence_a_to_b, confidence_b_to_a, lift
ORDER BY CASE $by WHEN 'lift' THEN lift ELSE toFloat(baskets) END DESC, baskets DESC, product_a, product_b
LIMIT $limit
