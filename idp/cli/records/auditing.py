"""Opens what the auditors' commands read with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idp.audit.questions.auditor import Auditor
from idp.changes.history import History
from idp.config.folder import read_configuration
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.pages.compiled_pages import template_digest
from idp.pages.languages import LANGUAGES
from idp.store.engine import disposed, open_engine
from idp.store.migrate import assert_current
from policies.load import examine, load

NOT_RUN = "The check could not run"


@contextmanager
def auditor_of(config: Path, *, judged: bool = True) -> Iterator[Auditor]:
    """The auditor of a configuration folder. Raises `Misconfigured` and `StoreUnavailable`.

    Unless it is to be `judged`, a configuration with a fault serves as far as it can be read: records need none.
    """
    settings = load_settings(config)
    keys = load_ledger_keys(settings.key_folder, settings.origin, any_log_key=True)
    files = read_configuration(config)
    with disposed(open_engine(settings.database_url)) as engine:
        assert_current(engine)
        yield Auditor(
            engine=engine,
            tenant=settings.tenant,
            keys=keys,
            history=History(engine=engine, tenant=settings.tenant, keys=keys),
            configuration=load(files) if judged else examine(files)[0],
            own_attributes=files.get("catalogue.toml", b""),
            pages=template_digest(),
            languages=LANGUAGES,
            role=settings.role,
        )
