"""The database of `ciconia demo --database`: a fresh SQLite file, or a schema of its own in a database of PostgreSQL.

Keys are fresh on each run, and a database belongs to one installation: so each run has its own rows, which go at its end
unless the demo is kept.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url

from idp.store.engine import database_file, disposed, is_postgres, open_engine, reading, url_of_file, writing
from policies.errors import Misconfigured, Problem

SCHEMA = "ciconia_demo_"


@contextmanager
def demo_database(url: str, *, keep: bool) -> Iterator[str]:
    """The URL for the nodes. Raises `Misconfigured` where it is no database of ours, or a file that is there already."""
    with disposed(open_engine(url)) as engine:
        if not is_postgres(engine):
            yield _fresh_file(url)
            return
        name = SCHEMA + secrets.token_hex(4)
        with reading(), writing(engine).begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
        try:
            yield _within(url, name)
        finally:
            if not keep:
                with reading(), writing(engine).begin() as connection:
                    connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def _fresh_file(url: str) -> str:
    path = database_file(url).resolve()
    if path.exists():
        fix = "name a new file: each demo has fresh keys"
        raise Misconfigured((Problem(str(path), 0, "database", "there is such a file already.", fix),))
    return url_of_file(path)


def _within(url: str, schema: str) -> str:
    """The URL with the schema as libpq's option, beside the options that it has."""
    parsed = make_url(url)
    given = parsed.query.get("options", "")
    options = " ".join(filter(None, (given if isinstance(given, str) else " ".join(given), f"-csearch_path={schema}")))
    return parsed.update_query_dict({"options": options}).render_as_string(hide_password=False)
