"""The store over SQLite or PostgreSQL: its tables, writer, reads and backups, and what checks both databases.

It may touch the ledger, the keys and the machine; no room above it.
"""
