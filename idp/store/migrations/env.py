# ruff: noqa: INP001  alembic loads this file by path
"""Alembic runs this file: it takes the open transaction that `idp.store.migrate` hands it."""

from alembic import context

from idp.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
