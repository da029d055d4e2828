"""The format of the ledger: records, hash chain, signatures, files."""
