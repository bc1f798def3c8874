"""What all flows share: events, outcomes, receipts and the ledger."""
