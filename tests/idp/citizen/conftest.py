"""The databases of the store's tests."""

from tests.idp.store.conftest import folder, migrated, postgres, postgres_template, store, url

__all__ = ["folder", "migrated", "postgres", "postgres_template", "store", "url"]
