"""The store: SQLAlchemy Core over SQLite or PostgreSQL.

`tables` has every table, `migrate` and `migrations/` make them, `engine` opens the database and asserts that a commit is
durable, `apart` holds the database's clock against ours, `writer` is the one thread that commits units, `retention` the one
that purges, `reads` and `store` are the ports' other side, `memory` is the twin for tests.
"""
