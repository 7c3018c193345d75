"""The settings of one broker: `ciconia.toml` in its configuration folder.

Everything that differs between two installations, except parties, purposes and keys, stands here. An unknown key, a wrong
type and an unsafe value are problems with file, line, key and fix, all at once.
"""

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from idp.config import setting_types as types
from idp.config.desk_settings import BrokerBeside, faults_of_console, faults_of_desk
from idp.config.setting_lines import line_of, line_told
from idp.config.witness_settings import MAX_WITNESSES, WitnessAddress, WitnessRule, faults_of_witnesses, policy_of
from idp.ledger.cosignature import WitnessPolicy
from idp.store.engine import database_name, lies_at, url_of_file
from idp.system.files import is_folder, read_whole
from idp.system.ownership import WHO_MAY, assert_open
from idp.system.port_clash import clash, trusted_network
from policies.errors import Misconfigured, Problem
from policies.parties import Tenant
from policies.toml import fix_of, read_toml

SETTINGS_FILE = "ciconia.toml"
TENANTS = "tenants"
UNKNOWN = "no setting has this name."
OF_A_TENANT = "it is a tenant's setting, and beside tenants/ stand those of the process."
# Replaces an issuer that cannot be served, to look at the rest (RFC 6761 §6.4: nobody will ever have it)
NO_ISSUER = "https://unknown.invalid"
_S = TypeVar("_S", bound="ProcessSettings")


class ProcessSettings(BaseModel):
    """The settings of a process, however many tenants it serves: all that `ciconia.toml` beside `tenants/` may hold.

    `folder` is the file's folder; relative paths start there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    listen: types.Listen = "127.0.0.1:8400"
    # Only a proxy at one of these addresses or networks may say under which scheme and for whom it asks
    trusted_proxies: list[Annotated[str, AfterValidator(trusted_network)]] = Field(
        default=["127.0.0.1", "::1"],
        description='Write the addresses or networks of your proxies, as ["127.0.0.1", "10.8.0.0/24"].',
    )
    # The address of metrics and readiness, in a private network; "" for none
    metrics_listen: types.MetricsListen = ""
    folder: Path = Field(exclude=True)

    @field_validator("metrics_listen")
    @classmethod
    def _apart(cls, value: str, beside: ValidationInfo) -> str:
        listen = str(beside.data.get("listen", ""))
        # Port 0 is another one each time
        if value and listen and int(value.rpartition(":")[2]) and clash(value, listen):
            raise ValueError(f"nobody can listen there and at `listen`, {listen}, at once")
        return value

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.listen.rpartition(":")[2])


class Settings(ProcessSettings):
    """All that the `ciconia.toml` of one broker may hold: its own settings, and the process's where it is alone."""

    issuer: types.Issuer
    database: types.DatabaseAddress = "ciconia.db"
    keys: types.KeyFolder = "keys"
    # Where index.key and pairwise.key lie, apart from the keys that open records; "" beside them
    index_keys: types.IndexFolder = ""
    # Keeps checkpoints outside the database, and is read before another is signed; "" for none
    witness: types.WitnessPath = ""
    # Programs of other operators that cosign our checkpoints
    witnesses: list[WitnessAddress] = Field(
        default=[], max_length=MAX_WITNESSES, description="Write [[witnesses]] with url, vkey and operator, for each."
    )
    # How many of their operators must have cosigned, and what follows if they have not
    witness_policy: WitnessRule | None = Field(
        default=None, description='Write [witness_policy] with quorum = 1, and fail = "open" or "closed".'
    )
    checkpoint_seconds: float = Field(default=10.0, gt=0, le=3600, description=types.SECONDS)
    # "city" serves relying parties and asks countries; "node" answers other countries' nodes about its own citizens
    role: Literal["city", "node"] = Field(default="city", description='Write "city" or "node".')
    # the country of this node, for eIDAS; "" where it takes no part in that
    country: types.CountryCode = ""
    # The newest version of the eIDAS protocol that the node's metadata names
    protocol_version: Literal["1.4", "1.3", "1.2"] = Field(default="1.4", description='Write "1.4", "1.3" or "1.2".')
    organization: types.Organization | None = Field(
        default=None, description="Write [organization] with name, url, support and technical, each a text."
    )
    # how the proxy hands on TLS certificates of relying parties; without it no header counts as one
    client_certificates: types.ClientCertificates | None = Field(
        default=None,
        description='Write [client_certificates] with header = "Client-Cert", and chains and address where they apply.',
    )
    # The auditor's desk, at a listener of its own; without it there is none
    auditor: types.AuditorSettings | None = Field(
        default=None, description="Write [auditor] with listen, url, and client and persons, or passkeys = true."
    )
    # The operator's pages, which `ciconia console serve` serves
    console: types.ConsoleSettings = Field(
        default=types.ConsoleSettings(),
        description="Write [console] with listen, url and folder; each has a default.",
    )
    # Operators' events for a SIEM; without it they are in the ledger alone
    events: types.EventSettings | None = Field(
        default=None, description='Write [events] with to = "syslog+tls://HOST:PORT", "file:/PATH" or "stdout".'
    )
    limits: types.Limits = Field(
        default=types.Limits(),
        description="Write whole numbers, as limits = { at_work = 4, waiting = 256 }; what is left out has its default.",
    )
    # Counts for several machines together how often somebody asks; "" each worker counts for itself
    valkey: types.ValkeyAddress = Field(default="", repr=False)
    # how often the metadata of other countries' nodes is fetched
    probe_seconds: float = Field(default=30.0, ge=0.1, le=3600, description=types.SECONDS)
    # how far ahead its validUntil may lie
    metadata_max_days: int = Field(default=31, ge=1, le=92, description="Write a whole number of days, 1 to 92, as 31.")
    # where copies of federations' metadata lie, which the server writes
    metadata_copies: types.KeyFolder = "metadata-copies"
    # the published page of docs/errors.md, for links to `#code`; "" for none: no address is assumed
    documentation_url: types.DocumentationUrl = ""
    # Where a citizen chooses whom we ask, in place of our own list (the SAML discovery protocol); "" for our own list
    discovery_service: types.DiscoveryService = ""
    # Whether a change by which more leaves waits for a second person (decision 0033)
    four_eyes: bool = Field(default=False, description="Write true or false.")
    # How many services may register themselves, behind initial access tokens (RFC 7591); 0 for none
    registered_clients: int = Field(default=0, ge=0, le=1000, description="Write a whole number up to 1000; 0 for none.")
    # Whether a person may link a new identifier to their earlier one, by two sign-ins on their page (decision 0086)
    matching: bool = Field(default=False, description="Write true or false.")
    # Allows http on *.localhost, and nothing else
    demo: bool = Field(default=False, description="Write true or false.")

    @property
    def tenant(self) -> Tenant:
        """The tenant is the host of the issuer."""
        return Tenant(urlsplit(self.issuer).hostname or "")

    @property
    def origin(self) -> str:
        """The name of the log: the issuer without its scheme (C2SP tlog-checkpoint)."""
        return self.issuer.split("://", 1)[1] + "/log"

    @property
    def key_folder(self) -> Path:
        """Where the keys lie."""
        return self.folder / self.keys

    @property
    def index_folder(self) -> Path | None:
        """Where the keys lie that find a person, None where they lie in the key folder."""
        return self.folder / self.index_keys if self.index_keys else None

    @property
    def key_folders(self) -> tuple[Path, ...]:
        """All folders of keys."""
        return tuple(each for each in (self.key_folder, self.index_folder) if each)

    @property
    def console_folder(self) -> Path:
        """Where the operator's pages write who may sign in, and what is proposed."""
        return self.folder / self.console.folder

    @property
    def copies_folder(self) -> Path:
        """Where copies of federations' metadata lie."""
        return self.folder / self.metadata_copies

    @property
    def witness_path(self) -> Path | None:
        """The file or folder of the witness, None where there is none."""
        return self.folder / self.witness if self.witness else None

    @property
    def witness_rules(self) -> WitnessPolicy:
        """The witnesses whose cosignatures count, and how many are wanted."""
        organization = self.organization.name if self.organization is not None else ""
        return policy_of(self.witnesses, self.witness_policy, origin=self.origin, organization=organization)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL: a path is SQLite's file in the folder."""
        if "://" in self.database:
            return self.database
        return url_of_file(self.folder / self.database)


# Settings that are tables of their own
_TABLES: dict[str, type[BaseModel]] = {
    "organization": types.Organization,
    "client_certificates": types.ClientCertificates,
    "auditor": types.AuditorSettings,
    "console": types.ConsoleSettings,
    "limits": types.Limits,
    "witnesses": WitnessAddress,
    "witness_policy": WitnessRule,
}


def is_many(folder: Path) -> bool:
    """Whether a configuration folder has several tenants, as far as this account can see."""
    return is_folder(folder / TENANTS)


def shut(folder: Path) -> tuple[Problem, ...]:
    """The first part of a configuration folder that is closed to this account, and who may read it."""
    try:
        for path in (folder, folder / SETTINGS_FILE, folder / TENANTS):
            assert_open(path, "--config")
    except Misconfigured as error:
        return error.problems
    return ()


def tenant_folders(folder: Path) -> tuple[Path, ...]:
    """The folders of all tenants, in order of name; the folder itself where it is of one broker.

    Raises `Misconfigured` where this account may not see them.
    """
    if not is_many(folder):
        return (folder,)
    assert_open(folder / TENANTS, "--config")
    return tuple(sorted(each for each in (folder / TENANTS).iterdir() if each.is_dir() and each.name[0] != "."))


def assert_one(folder: Path) -> None:
    """Raises `Misconfigured` for a folder of several tenants, and names them."""
    if is_many(folder):
        names = ", ".join(str(each) for each in tenant_folders(folder)) or str(folder / TENANTS / "NAME")
        raise Misconfigured((Problem(str(folder), 0, "--config", "has several tenants.", f"Name one: {names}."),))


def load_settings(folder: Path) -> Settings:
    """Reads `ciconia.toml`. Raises `Misconfigured` with every problem at once, and for a folder of several tenants."""
    if found := shut(folder):
        raise Misconfigured(found)
    assert_one(folder)
    settings, problems = examine_settings(folder)
    if problems or settings is None:
        raise Misconfigured(problems)
    return settings


def examine_settings(folder: Path) -> tuple[Settings | None, tuple[Problem, ...]]:
    """The settings of `ciconia.toml`, as far as they can be read, else None; and every problem.

    A wrong setting counts as missing, a wrong issuer as `NO_ISSUER`: settings beside a problem help to find what else is
    wrong, and are never served.
    """
    path = folder / SETTINGS_FILE
    text, values, problems = _read(folder)
    if values is None:
        return None, tuple(problems)
    settings, wrong = _parsed(Settings, {"issuer": NO_ISSUER}, path, text, values, problems)
    # http is right or wrong by what `demo` says
    unsure = {"issuer"} if "demo" in wrong else set()
    between = [found for found in _between(settings) if found[0] not in wrong | unsure]
    problems += [Problem(str(path), line_of(text, key), key, what, fix) for key, what, fix in between]
    return settings, tuple(problems)


def examine_process(folder: Path) -> tuple[ProcessSettings | None, tuple[Problem, ...]]:
    """Examines the `ciconia.toml` beside `tenants/` in the same way: a tenant's setting has no place in it."""
    text, values, problems = _read(folder)
    if values is None:
        return None, tuple(problems)
    return _parsed(ProcessSettings, {}, folder / SETTINGS_FILE, text, values, problems)[0], tuple(problems)


# Any: whatever TOML may hold, which pydantic then judges
def _parsed(
    model: type[_S], standing_in: dict[str, Any], path: Path, text: str, values: dict[str, Any], problems: list[Problem]
) -> tuple[_S, set[str]]:
    """The settings without the wrong ones, and the names of those, whose problems it adds."""
    try:
        return model(**values), set()
    except ValidationError as error:
        problems += [_problem(path, text, entry, model) for entry in error.errors()]
        wrong = {str(entry["loc"][0]) for entry in error.errors()}
        return model(**{**standing_in, **{key: each for key, each in values.items() if key not in wrong}}), wrong


def _read(folder: Path) -> tuple[str, dict[str, Any] | None, list[Problem]]:
    """The text of the settings, and its values; None where it is no TOML."""
    path = folder / SETTINGS_FILE
    try:
        text = read_whole(path).decode("utf-8")
        values = read_toml(text)
    except OSError as error:
        what = f"it cannot be read ({error.strerror})."
        made = "Name a folder that `ciconia init` or `ciconia demo --keep` made."
        fix = WHO_MAY if isinstance(error, PermissionError) else made
        return "", None, [Problem(str(path), 0, "", what, fix)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what = f"it is no TOML: {error}."
        return "", None, [Problem(str(path), getattr(error, "lineno", line_told(error)), "", what, fix_of(error))]
    # `folder` comes from us: in the file it is an unknown name
    problems = [Problem(str(path), line_of(text, "folder"), "folder", UNKNOWN, "Remove it.")] if "folder" in values else []
    values["folder"] = folder.resolve()
    return text, values, problems


def _between(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Finds settings that do not fit together: key, what is wrong, and how to mend it."""
    try:
        database_name(settings.database_url)
    except Misconfigured as error:
        yield from ((problem.key, problem.what, problem.fix) for problem in error.problems)
    if settings.witness_path and lies_at(settings.database_url, settings.witness_path):
        what = "the database lies there, and would count as a checkpoint: nothing would be signed or released."
        yield "witness", what, "Name a folder of its own, best on another disk or machine."
    yield from faults_of_witnesses(settings.witnesses, settings.witness_policy, settings.witness_rules, demo=settings.demo)
    local = settings.tenant.endswith(".localhost")
    if not settings.issuer.startswith("https://") and not (local and settings.demo):
        what = "it is http, so browsers would keep no cookie of ours."
        fix = "Write demo = true beside it, to practise on this machine, or use https." if local else ""
        yield "issuer", what, fix or "Use https; http is for the demo's *.localhost alone."
    place = BrokerBeside(
        settings.tenant, {"listen": settings.listen, "metrics_listen": settings.metrics_listen}, settings.demo
    )
    if settings.auditor:
        yield from faults_of_desk(settings.auditor, place, settings.role)
    yield from faults_of_console(settings.console, place, settings.auditor)
    if (said := settings.organization) and said.certified and not said.security:
        # REFEDS: Sirtfi is worth what its security contact is
        what = "it claims certifications, and names nobody to write to about an incident."
        yield "organization", what, 'Write security = "security@HOST" there, or leave certified out.'
    if settings.role == "node":
        if not settings.country:
            what = "it is missing: a node answers for the citizens of one country."
            yield "country", what, 'Write country = "EE", in two capital letters (ISO 3166-1 alpha-2).'
        if settings.organization is None:
            what = "it is missing: the metadata of a node says who runs it."
            yield "organization", what, "Write [organization] with name, url, support and technical."


def _problem(path: Path, text: str, error: ErrorDetails, model: type[ProcessSettings]) -> Problem:
    # A table of a list is found by its number
    parts = [part for part in error["loc"] if isinstance(part, str)]
    number = next((part + 1 for part in error["loc"] if isinstance(part, int) and parts[0] in _TABLES), 1)
    table = _TABLES.get(parts[0]) if len(parts) > 1 else None
    key = ".".join(parts[:2]) if table else "".join(parts[:1])
    # A table on one line has one line for all
    begins = line_of(text, parts[0], number)
    line = max(begins, line_of(text, parts[1], after=begins)) if table else begins
    if error["type"] == "extra_forbidden":
        known = set(table.model_fields) if table is not None else set(model.model_fields) - {"folder"}
        if model is ProcessSettings and parts[-1] in Settings.model_fields:
            return Problem(str(path), line, key, OF_A_TENANT, "Move it to tenants/NAME/ciconia.toml.")
        near = difflib.get_close_matches(parts[-1], known, n=1)
        return Problem(str(path), line, key, UNKNOWN, f"Did you mean {near[0]}?" if near else "Remove it.")
    if error["type"] == "missing":
        return Problem(str(path), begins, key, "it is missing.", "Add it; `ciconia init` writes an example.")
    if error["type"] == "string_pattern_mismatch":
        return Problem(str(path), line, key, "it is not written as it has to be.", _hint(model, parts))
    return Problem(str(path), line, key, f"{error['msg'].removeprefix('Value error, ')}.", _hint(model, parts))


def _hint(model: type[ProcessSettings], parts: list[str]) -> str:
    """How to write a setting; for one of a table without a hint of its own, how to write the table."""
    inner = _TABLES[parts[0]].model_fields.get(parts[1]) if parts[0] in _TABLES and len(parts) > 1 else None
    return (inner.description if inner is not None else None) or model.model_fields[parts[0]].description or ""
