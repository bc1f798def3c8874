// Best sellers per store
//
// Which products sell best in each store, busiest store first?
// Ordered by baskets unless asked otherwise: quantities of pieces and of fuel do not compare.
//
// Parameters
//   store           text = none                 One store's name; none for all stores
//   by              baskets|quantity = baskets  What sells best means
//   limit           count = 5                   Most products to list per store
//
// Columns
//   store           The store's name
//   store_baskets   Baskets with a ticket of this store
//   product         The product's name
//   quantity        Quantity sold there, as the tickets have it
//   baskets         Baskets of that store that hold the product

MATCH (store:Store)<-[:SOLD_AT]-(:Ticket)-[:PART_OF]->(basket:Basket)
WHERE $store IS NULL OR store.name = $store
WITH store, count(DISTINCT basket) AS store_baskets
CALL (store) {
  MATCH (store)<-[:SOLD_AT]-(ticket:Ticket)-[line:CONTAINS]->(product:Product)
  MATCH (ticket)-[:PART_OF]->(basket:Basket)
  WITH product.name AS product, sum(line.quantity) AS quantity, count(DISTINCT basket) AS baskets
  ORDER BY CASE $by WHEN 'quantity' THEN quantity ELSE baskets END DESC, product
  LIMIT $limit
  RETURN product, quantity, baskets
}
RETURN store.name AS store, store_baskets, product, quantity, baskets
ORDER BY store_baskets DESC, store, CASE $by WHEN 'quantity' THEN quantity ELSE baskets END DESC, product
