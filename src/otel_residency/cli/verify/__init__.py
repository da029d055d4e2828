"""Whether a ledger is as it was written."""
