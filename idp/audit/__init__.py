"""Checks of the whole ledger and of its exports. It reads the database and changes nothing."""
