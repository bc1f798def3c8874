"""Outputs of a deployed stack, as CloudFormation tells them."""

STACK_OUTPUTS = {
    "SettingTicketsDayBegins": "00:00",
    "BucketTickets": "cesta-dev-tickets",
    "BucketQuarantine": "cesta-dev-quarantine",
    "QueueTickets": "http://127.0.0.1:24500/0/cesta-dev-tickets",
    "QueueTicketsDlq": "http://127.0.0.1:24500/0/cesta-dev-tickets-dlq",
    "TableLedger": "cesta-dev-ledger",
    "BucketStocks": "cesta-dev-stocks",
    "QueueStocks": "http://127.0.0.1:24500/0/cesta-dev-StockQueue",
    "TableStocks": "cesta-dev-StockData",
    "BucketRaw": "cesta-dev-ecommerce-raw",
    "BucketCurated": "cesta-dev-ecommerce-curated",
    "BucketInbox": "cesta-dev-ecommerce-inbox",
    "QueueRaw": "http://127.0.0.1:24500/0/cesta-dev-raw",
    "QueueInbox": "http://127.0.0.1:24500/0/cesta-dev-inbox",
    "DatabaseLake": "cesta_dev_lake",
    "WorkgroupLake": "cesta-dev-lake",
    "FunctionTicketsIngestion": "cesta-dev-tickets-ingestion",
    "TopicAlarms": "arn:aws:sns:us-east-1:0:alarms",
}
