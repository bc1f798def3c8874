// Companions of one product
//
// What else is in the baskets that hold this product? For placing, bundling and replacing it.
//
// Parameters
//   product         text                     The product's name, as the tickets write it
//   min_baskets     count = 2                Least number of shared baskets
//   limit           count = 20               Most companions to list
//
// Columns
//   companion            The other product
//   baskets              Baskets that hold both
//   baskets_product      Baskets that hold the product asked for
//   baskets_companion    Baskets that hold the companion
//   confidence           Share of the product's baskets that also hold the companion
//   lift                 How many times more often together than by chance

MATCH (:Ticket)-[:PART_OF]->(basket:Basket)
WITH count(DISTINCT basket) AS all_baskets
MATCH (product:Product {name: $product})<-[:CONTAINS]-(:Ticket)-[:PART_OF]->(basket:Basket)
WITH all_baskets, count(DISTINCT basket) AS baskets_product
MATCH (product:Product {name: $product})<-[:CONTAINS]-(:Ticket)-[:PART_OF]->(basket:Basket)
WITH DISTINCT all_baskets, baskets_product, basket
MATCH (basket)<-[:PART_OF]-(:Ticket)-[:CONTAINS]->(other:Product)
WHERE other.name <> $product
WITH all_baskets, baskets_product, other, count(DISTINCT basket) AS baskets
WHERE baskets >= $min_baskets
ORDER BY baskets DESC, other.name
LIMIT $limit
MATCH (other)<-[:CONTAINS]-(:Ticket)-[:PART_OF]->(basket:Basket)
WITH all_baskets, baskets_product, other.name AS companion, baskets, count(DISTINCT basket) AS baskets_companion
RETURN companion, baskets, baskets_product, baskets_companion,
  toFloat(baskets) / baskets_product AS confidence,
  toFloat(baskets * all_baskets) / (baskets_product * baskets_companion) AS lift
ORDER BY baskets DESC, companion
