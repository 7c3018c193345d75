"""The settings of one broker: `ciconia.toml` in its configuration folder.

Everything that differs between two installations and is no party, no purpose and no key stands here. An unknown key, a
wrong type and an unsafe value are problems with file, line, key and fix, all at once.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from idp.config.setting_hints import FORMS
from idp.store.engine import database_name, lies_at, url_of_file
from idp.system.files import is_folder, read_whole
from idp.system.ownership import WHO_MAY, assert_open
from idp.system.port_clash import clash, trusted_network
from policies.errors import Misconfigured, Problem
from policies.load.table import unreadable
from policies.parties import Tenant
from policies.toml import fix_of, read_toml
from policies.visible import is_visible

SETTINGS_FILE = "ciconia.toml"
TENANTS = "tenants"
UNKNOWN = "no setting has this name."
OF_A_TENANT = "it is a tenant's setting, and beside tenants/ stand those of the process."
# Stands in where the file names no issuer that serves (RFC 6761 §6.4: nobody will ever have it), to look at the rest
NO_ISSUER = "https://unknown.invalid"


# RFC 1123 §2.1: labels of letters, digits and inner hyphens. Browsers compare an origin by this one spelling of it.
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ISSUER = re.compile(rf"(https?)://{LABEL}(?:\.{LABEL})*(?::([1-9][0-9]{{0,4}}))?")
DEFAULT_PORTS = {"https": 443, "http": 80}
MAX_PORT = 65535
MAX_NAME = 255  # octets of a file's name, by the file systems that there are
# RFC 6749 §5.2: what `error_uri` may hold, less the fragment, which is ours to add
DOCUMENTATION = re.compile(r"https://[!$-;=?-\[\]_a-z~]{1,500}")
_TOLD = re.compile(r"\(at line (\d+), column")


def _issuer(value: str) -> str:
    found = ISSUER.fullmatch(value)
    if found is None:
        raise ValueError("it is no https address, or has more than scheme, host and port in lower case")
    if found[2] and (int(found[2]) > MAX_PORT or int(found[2]) == DEFAULT_PORTS[found[1]]):
        raise ValueError("it names a port that there is not, or the one that goes without saying")
    return value


def _listen(value: str) -> str:
    if value and int(value.rpartition(":")[2]) > MAX_PORT:
        raise ValueError("there is no such port")
    return value


def _path(value: str) -> str:
    if "\0" in value or any(len(os.fsencode(part)) > MAX_NAME for part in Path(value).parts):
        raise ValueError("no file can have this name")
    return value


def _database(value: str) -> str:
    if "://" not in value:
        return _path(value)
    try:
        make_url(value)
    except (ArgumentError, ValueError):
        # The cause may quote a password
        raise ValueError("it is no address of a database, or has a : or @ that is not written %3A or %40") from None
    return value


def _valkey(value: str) -> str:
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise ValueError("it is no address, or has a : or @ that is not written %3A or %40") from None
    return value


def _documentation(value: str) -> str:
    if value and (DOCUMENTATION.fullmatch(value) is None or not urlsplit(value).hostname):
        raise ValueError("it is no https address of visible ASCII without a fragment")
    return value


def _readable(value: str) -> str:
    if unreadable(value):
        raise ValueError("it has a sign that nobody can read, such as a control or a mark of direction")
    if value and not is_visible(value):
        raise ValueError("it has nothing that anybody can see")
    return value


class Organization(BaseModel):
    """Who runs this node, as its eIDAS metadata says: names, a web address, two mail addresses."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, AfterValidator(_readable)] = Field(min_length=1, max_length=256)
    display_name: Annotated[str, AfterValidator(_readable)] = Field(default="", max_length=256)
    url: str = Field(pattern=r"^https?://[!-~]{1,500}$")
    support: str = Field(pattern=r"^[!-~]{1,100}@[!-~]{1,150}$")
    technical: str = Field(pattern=r"^[!-~]{1,100}@[!-~]{1,150}$")


class Limits(BaseModel):
    """How much one worker takes on at a time, and how often one party or address may ask: requests a minute.

    Measured (docs/watch-it.md): two at work do all that a worker can, and the rest is for those who wait for the database;
    whoever waits behind 256 others waits for 0.4 s. Addresses are a city hall's as well as a person's, so their
    limits are wide.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at_work: int = Field(default=4, ge=2, le=1000)
    waiting: int = Field(default=256, ge=1, le=100_000)
    # a login's first request, by the address, and by the relying party or node that it is for: it makes us sign
    begin_address: int = Field(default=600, ge=1, le=10_000_000)
    begin_party: int = Field(default=60_000, ge=1, le=10_000_000)
    # clients that were not who they said, by the address and client; ten times as many wrong answers, by the address
    failures: int = Field(default=120, ge=1, le=10_000_000)
    # anything at all, by the address
    pages: int = Field(default=12_000, ge=1, le=10_000_000)


class ProcessSettings(BaseModel):
    """What a process has once, however many tenants it serves: all that `ciconia.toml` beside `tenants/` may hold.

    `folder` is where the file was found; relative paths start there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        default="127.0.0.1:8400", pattern=r"^[0-9a-zA-Z.\-\[\]:]+:\d{1,5}$"
    )
    # Only a proxy at one of these addresses or networks may say under which scheme and for whom it asks
    trusted_proxies: list[Annotated[str, AfterValidator(trusted_network)]] = ["127.0.0.1", "::1"]
    # Where metrics and readiness are told, for a private network; "" nowhere
    metrics_listen: Annotated[str, AfterValidator(_listen)] = Field(
        default="", pattern=r"^([0-9a-zA-Z.\-\[\]:]+:\d{1,5})?$"
    )
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
    """What the `ciconia.toml` of one broker may hold: its own settings, and the process's where it is alone."""

    issuer: Annotated[str, AfterValidator(_issuer)]
    database: Annotated[str, AfterValidator(_database)] = Field(default="ciconia.db", min_length=1)
    keys: Annotated[str, AfterValidator(_path)] = Field(default="keys", min_length=1)
    # Where checkpoints are kept outside the database, and looked at before another is signed; "" nowhere
    witness: Annotated[str, AfterValidator(_path)] = ""
    checkpoint_seconds: float = Field(default=10.0, gt=0, le=3600)
    # "city" serves relying parties and asks countries; "node" answers other countries' nodes about its own citizens
    role: Literal["city", "node"] = "city"
    # the country of this node, for eIDAS (ISO 3166-1 alpha-2); "" where it takes no part in that
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    organization: Organization | None = None
    limits: Limits = Limits()
    # Where several machines count together how often somebody asks; "" each worker counts for itself
    valkey: Annotated[str, AfterValidator(_valkey)] = Field(default="", pattern=r"^(valkeys?://[!-~]{1,500})?$", repr=False)
    # how often the metadata of other countries' nodes is fetched
    probe_seconds: float = Field(default=30.0, ge=0.1, le=3600)
    metadata_max_days: int = Field(default=31, ge=1, le=92)  # how far ahead its validUntil may lie
    # the page that docs/errors.md became, for links to `#code`; "" where nobody published it: no address is assumed
    documentation_url: Annotated[str, AfterValidator(_documentation)] = ""
    # Allows http on *.localhost, and nothing else
    demo: bool = False

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
    def witness_path(self) -> Path | None:
        """The file or folder of the witness, None where there is none."""
        return self.folder / self.witness if self.witness else None

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL: a path is SQLite's file in the folder."""
        if "://" in self.database:
            return self.database
        return url_of_file(self.folder / self.database)


# Settings that are tables of their own
_TABLES: dict[str, type[BaseModel]] = {"organization": Organization, "limits": Limits}


def is_many(folder: Path) -> bool:
    """Whether a configuration folder is of several tenants. Of one that is closed to this account: no."""
    return is_folder(folder / TENANTS)


def shut(folder: Path) -> tuple[Problem, ...]:
    """The first part of a configuration folder that this account is not to go on with, and who may."""
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


def load_settings(folder: Path) -> Settings:
    """Read `ciconia.toml`. Raises `Misconfigured` with every problem at once, and for a folder of several tenants."""
    if found := shut(folder):
        raise Misconfigured(found)
    if is_many(folder):
        names = ", ".join(str(each) for each in tenant_folders(folder)) or str(folder / TENANTS / "NAME")
        raise Misconfigured((Problem(str(folder), 0, "--config", "has several tenants.", f"Name one: {names}."),))
    settings, problems = examine_settings(folder)
    if problems or settings is None:
        raise Misconfigured(problems)
    return settings


def examine_settings(folder: Path) -> tuple[Settings | None, tuple[Problem, ...]]:
    """What can be read of `ciconia.toml`, and every problem of it. None where nothing can.

    A setting that is wrong is as if it were not there, an issuer that is wrong is `NO_ISSUER`: what comes out beside a
    problem is for looking at what else is wrong, never for serving.
    """
    path = folder / SETTINGS_FILE
    text, values, problems = _read(folder)
    if values is None:
        return None, tuple(problems)
    wrong: set[str] = set()
    try:
        settings = Settings(**values)
    except ValidationError as error:
        problems += [_problem(path, text, entry, Settings) for entry in error.errors()]
        wrong = {str(entry["loc"][0]) for entry in error.errors()}
        settings = Settings(**{"issuer": NO_ISSUER, **{key: each for key, each in values.items() if key not in wrong}})
    # http is right or wrong by what `demo` says
    unsure = {"issuer"} if "demo" in wrong else set()
    between = [found for found in _between(settings) if found[0] not in wrong | unsure]
    problems += [Problem(str(path), _line(text, key), key, what, fix) for key, what, fix in between]
    return settings, tuple(problems)


def examine_process(folder: Path) -> tuple[ProcessSettings | None, tuple[Problem, ...]]:
    """The same of the `ciconia.toml` that stands beside `tenants/`: a setting of a tenant has no place in it."""
    text, values, problems = _read(folder)
    if values is None:
        return None, tuple(problems)
    try:
        return ProcessSettings(**values), tuple(problems)
    except ValidationError as error:
        path = folder / SETTINGS_FILE
        problems += [_problem(path, text, entry, ProcessSettings) for entry in error.errors()]
        wrong = {str(entry["loc"][0]) for entry in error.errors()}
        return ProcessSettings(**{key: each for key, each in values.items() if key not in wrong}), tuple(problems)


# Any: whatever TOML may hold, which pydantic then judges
def _read(folder: Path) -> tuple[str, dict[str, Any] | None, list[Problem]]:
    """The text of the settings, and what it says; None where it says nothing that TOML knows."""
    path = folder / SETTINGS_FILE
    try:
        text = read_whole(path).decode("utf-8")
        values = read_toml(text)
    except OSError as error:
        what = f"it cannot be read ({error.strerror})."
        fix = "Name a folder that `ciconia init` or `ciconia demo --keep` made."
        if isinstance(error, PermissionError):
            fix = WHO_MAY
        return "", None, [Problem(str(path), 0, "", what, fix)]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what = f"it is no TOML: {error}."
        return "", None, [Problem(str(path), getattr(error, "lineno", _line_told(error)), "", what, fix_of(error))]
    # `folder` is ours to say: in the file it is a name like any other that there is not
    problems = [Problem(str(path), _line(text, "folder"), "folder", UNKNOWN, "Remove it.")] if "folder" in values else []
    values["folder"] = folder.resolve()
    return text, values, problems


def _between(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What one setting asks of another: key, what is wrong, and how to mend it."""
    try:
        database_name(settings.database_url)
    except Misconfigured as error:
        for problem in error.problems:
            yield problem.key, problem.what, problem.fix
    if settings.witness_path and lies_at(settings.database_url, settings.witness_path):
        what = "the database lies there, and would count as a checkpoint: nothing would be signed or released."
        yield "witness", what, "Name a folder of its own, best on another disk or machine."
    local = settings.tenant.endswith(".localhost")
    if not settings.issuer.startswith("https://") and not (local and settings.demo):
        what = "it is http, so browsers would keep no cookie of ours."
        fix = "Write demo = true beside it, to practise on this machine, or use https." if local else ""
        yield "issuer", what, fix or "Use https; http is for the demo's *.localhost alone."
    if settings.role == "node":
        if not settings.country:
            what = "it is missing: a node answers for the citizens of one country."
            yield "country", what, 'Write country = "EE", in two capital letters (ISO 3166-1 alpha-2).'
        if settings.organization is None:
            what = "it is missing: the metadata of a node says who runs it."
            yield "organization", what, "Write [organization] with name, url, support and technical."


def _line_told(error: ValueError) -> int:
    """The line that an error of tomllib names in its text, 1 where it names none (before Python 3.14)."""
    told = _TOLD.search(str(error))
    return int(told[1]) if told else 1


def _line(text: str, key: str) -> int:
    """The line on which a key or the header of a table stands; 1 where it stands nowhere."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=", 1)[0].strip().strip("[]\"'") == key:
            return number
    return 1


def _problem(path: Path, text: str, error: ErrorDetails, model: type[ProcessSettings]) -> Problem:
    parts = [str(part) for part in error["loc"]]
    table = _TABLES.get(parts[0]) if len(parts) > 1 else None
    nested = table is not None
    key = ".".join(parts[:2]) if nested else "".join(parts[:1])
    # Of a table that stands on one line, the table's
    line = max(_line(text, parts[0]), _line(text, parts[1])) if nested else _line(text, key)
    if error["type"] == "extra_forbidden":
        known = set(table.model_fields) if table is not None else set(model.model_fields) - {"folder"}
        if model is ProcessSettings and parts[-1] in Settings.model_fields:
            return Problem(str(path), line, key, OF_A_TENANT, "Move it to tenants/NAME/ciconia.toml.")
        near = difflib.get_close_matches(parts[-1], known, n=1)
        fix = f"Did you mean {near[0]}?" if near else "Remove it."
        return Problem(str(path), line, key, UNKNOWN, fix)
    if error["type"] == "missing":
        line = _line(text, parts[0]) if nested else line
        return Problem(str(path), line, key, "it is missing.", "Add it; `ciconia init` writes an example.")
    if error["type"] == "string_pattern_mismatch":
        return Problem(str(path), line, key, "it is not written as it has to be.", FORMS[key])
    what = f"{error['msg'].removeprefix('Value error, ')}."
    return Problem(str(path), line, key, what, FORMS.get(key) or FORMS[parts[0]])
