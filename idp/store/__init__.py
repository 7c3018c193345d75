"""The store: SQLAlchemy Core over SQLite or PostgreSQL. Tables, the writer, the reads, backups, and what holds both databases.

It may touch the ledger, the keys and the machine; no room above it.
"""
