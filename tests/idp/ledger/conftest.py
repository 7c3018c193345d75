"""The databases of the store's tests: a ledger lies in one."""

from tests.idp.store.conftest import folder, migrated, store

__all__ = ["folder", "migrated", "store"]
