// Baskets by weekday and hour
//
// When do people shop? A basket counts at the time of its earliest ticket, in UTC; hours without a basket are left out.
//
// Parameters
//   store           text = none              Only tickets of this store, by name; none for all stores
//
// Columns
//   weekday   1 for Monday to 7 for Sunday
//   hour      0 to 23, UTC
//   baskets   Baskets begun in that hour of that weekday
//   share     Share of all the baskets counted

MATCH (basket:Basket)<-[:PART_OF]-(ticket:Ticket)-[:SOLD_AT]->(store:Store)
WHERE $store IS NULL OR store.name = $store
WITH basket, min(ticket.timestamp) AS begun
WITH begun.dayOfWeek AS weekday, begun.hour AS hour, count(*) AS baskets
WITH collect({weekday: weekday, hour: hour, baskets: baskets}) AS hours, sum(baskets) AS all_baskets
UNWIND hours AS one
RETURN one.weekday AS weekday, one.hour AS hour, one.baskets AS baskets, toFloat(one.baskets) / all_baskets AS share
ORDER BY weekday, hour
