"""Reads of the ledger's records."""
