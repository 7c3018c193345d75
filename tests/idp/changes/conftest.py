"""A migrated database of either kind."""

from tests.idp.store.conftest import folder, migrated, postgres, postgres_template, url

__all__ = ["folder", "migrated", "postgres", "postgres_template", "url"]
