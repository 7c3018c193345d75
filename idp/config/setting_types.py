"""The types of the settings in `ciconia.toml`. The description of each tells people how to write it."""

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from policies.load.redirects import fault_of_address
from policies.load.table import IDENTIFIER, unreadable
from policies.visible import is_visible

# ISO 3166-1 leaves XX to its users: no country will ever have it
NO_COUNTRY = "XX"
# RFC 1123 §2.1: labels of letters, digits and inner hyphens. Browsers compare an origin by this one spelling of it.
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ISSUER = re.compile(rf"(https?)://{LABEL}(?:\.{LABEL})*(?::([1-9][0-9]{{0,4}}))?")
DEFAULT_PORTS = {"https": 443, "http": 80}
MAX_PORT = 65535
MAX_NAME = 255  # octets of a file's name, in any file system
# RFC 6749 §5.2: the signs of `error_uri`, less the fragment, which is ours to add
DOCUMENTATION = re.compile(r"https://[!$-;=?-\[\]_a-z~]{1,500}")
# A pairwise identifier as the broker makes it (RFC 4648 base32)
_SUB = re.compile(r"[!-~]{16,255}")
_ADDRESS = r"[0-9a-zA-Z.\-\[\]:]+:\d{1,5}"
_MAIL = Field(
    pattern=r"^[0-9A-Za-z.!#$%'*+/=^_`{|}~-]{1,100}@[0-9A-Za-z.-]{1,150}$", description="Write a mail address: NAME@HOST."
)
SECONDS = "Write a number of seconds, as 10.0."


def _issuer(value: str) -> str:
    found = ISSUER.fullmatch(value)
    if found is None:
        raise ValueError("it is no https address, or has more than scheme, host and port in lower case")
    if found[2] and (int(found[2]) > MAX_PORT or int(found[2]) == DEFAULT_PORTS[found[1]]):
        raise ValueError("it names a port that does not exist, or the default one")
    return value


def _alias(value: str) -> str:
    return _issuer(value) if value else value


def _port(value: str) -> str:
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


Issuer = Annotated[
    str,
    Field(description="Write https://HOST, or https://HOST:PORT, as browsers reach the broker."),
    AfterValidator(_issuer),
]
Listen = Annotated[
    str, Field(pattern=rf"^{_ADDRESS}$", description="Write ADDRESS:PORT, as 127.0.0.1:8400."), AfterValidator(_port)
]
MetricsListen = Annotated[
    str,
    Field(pattern=rf"^({_ADDRESS})?$", description='Write ADDRESS:PORT, as 127.0.0.1:9400; "" tells them nowhere.'),
    AfterValidator(_port),
]
DatabaseAddress = Annotated[
    str,
    Field(min_length=1, description="Write the name of a file, as ciconia.db, or postgresql://USER@HOST/NAME."),
    AfterValidator(_database),
]
KeyFolder = Annotated[str, Field(min_length=1, description="Write the name of a folder, as keys."), AfterValidator(_path)]
IndexFolder = Annotated[
    str,
    Field(description='Write the name of a folder on another disk or machine; "" for the key folder.'),
    AfterValidator(_path),
]
WitnessPath = Annotated[
    str,
    Field(description='Write the name of a folder or file on another disk or machine; "" for none.'),
    AfterValidator(_path),
]
CountryCode = Annotated[
    str,
    Field(pattern=r"^([A-Z]{2})?$", description='Write two capital letters, as in ISO 3166-1 (alpha-2); "" for none.'),
]
ValkeyAddress = Annotated[
    str,
    Field(
        pattern=r"^(valkeys?://[!-~]{1,500})?$",
        description='Write valkey://HOST:PORT, or valkeys://HOST:PORT for TLS; "" for none.',
    ),
    AfterValidator(_valkey),
]


def _discovery(value: str) -> str:
    if value and (fault := fault_of_address(value)):
        raise ValueError(fault)
    return value


DiscoveryService = Annotated[
    str,
    Field(description='Write the https address of the discovery service, without #; "" for none.'),
    AfterValidator(_discovery),
]
DocumentationUrl = Annotated[
    str, Field(description='Write the https address of the page, without #; "" for none.'), AfterValidator(_documentation)
]


class Organization(BaseModel):
    """The operator in all metadata of ours: names, a web address, two mail addresses.

    That for SAML services and identity providers has also who answers in a security incident (REFEDS), a privacy
    statement, and the certifications that the operator claims. Citizens' pages link to the statements and to the help.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, AfterValidator(_readable)] = Field(min_length=1, max_length=256)
    display_name: Annotated[str, AfterValidator(_readable)] = Field(default="", max_length=256)
    url: Annotated[
        str,
        Field(pattern=r"^https?://[!-~]{1,500}$", description="Write an address that begins with https:// or http://."),
    ]
    support: Annotated[str, _MAIL]
    technical: Annotated[str, _MAIL]
    security: str = Field(
        default="", pattern=r"^([!-~]{1,100}@[!-~]{1,150})?$", description='Write a mail address: NAME@HOST; "" for none.'
    )
    privacy_url: DocumentationUrl = ""
    accessibility_url: DocumentationUrl = ""
    help_url: DocumentationUrl = ""
    certified: list[Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}$")]] = Field(
        default=[], max_length=8, description='Write a list of addresses, as ["https://refeds.org/sirtfi"].'
    )


class ClientCertificates(BaseModel):
    """How the proxy in front hands on the TLS certificates of relying parties (RFC 8705): `header` is its header's name.

    `chains` says that it takes certificates of the operator's authorities alone. `address` is the other address at which it
    asks for one, "" where it asks at the issuer's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    header: str = Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description='Write the name of a header, as "Client-Cert".')
    chains: bool = Field(default=False, description="Write true or false.")
    address: Annotated[str, AfterValidator(_alias)] = Field(
        default="", description='Write https://HOST, or https://HOST:PORT; "" for none.'
    )


class Limits(BaseModel):
    """The work that one worker takes on at a time, and how often one party or address may ask: requests a minute.

    Measured (docs/watch-it.md): two at work use a worker fully, and the rest are for those who wait for the database; a
    request behind 256 others waits for 0.4 s. The limits of addresses are wide: a city hall has one, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    at_work: int = Field(default=4, ge=2, le=1000)
    waiting: int = Field(default=256, ge=1, le=100_000)
    # a login's first request, by the address, and by the relying party or node that it is for: it makes us sign
    begin_address: int = Field(default=600, ge=1, le=10_000_000)
    begin_party: int = Field(default=60_000, ge=1, le=10_000_000)
    # failed client authentications, by the address and client; ten times as many wrong answers, by the address
    failures: int = Field(default=120, ge=1, le=10_000_000)
    # any request, by the address
    pages: int = Field(default=12_000, ge=1, le=10_000_000)


class EventSettings(BaseModel):
    """The stream of operators' events for a SIEM (docs/events.md). `ca`, `certificate` and `key` are files of PEM."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    to: str = Field(
        pattern=r"^(stdout|file:/[^?#]{1,500}|syslog\+tls://[A-Za-z0-9.-]{1,253}:[1-9][0-9]{0,4})$",
        description='Write "syslog+tls://HOST:PORT", "file:/PATH" or "stdout".',
    )
    ca: str = Field(default="", description='Write the name of a file; "" for the machine\'s own authorities.')
    certificate: str = Field(default="", description='Write the name of a file, and that of its key; "" for none.')
    key: str = Field(default="", description='Write the name of a file, and that of its certificate; "" for none.')

    @field_validator("key")
    @classmethod
    def _both(cls, value: str, beside: ValidationInfo) -> str:
        if bool(value) != bool(beside.data.get("certificate", "")):
            raise ValueError("a certificate and its key belong together")
        return value


def _persons(value: dict[str, str]) -> dict[str, str]:
    for sub, name in value.items():
        if not _SUB.fullmatch(sub):
            raise ValueError(f"{sub!r} is no number of a person: the desk shows it to whoever signs in and is not listed")
        if not IDENTIFIER.fullmatch(name):
            raise ValueError(f"the person {sub} has no name of 1 to 64 letters, digits, dots, hyphens and underscores")
    if len({name.casefold() for name in value.values()}) < len(value):
        raise ValueError("two persons have one name, and a grant to it would open to both")
    return value


class AuditorSettings(BaseModel):
    """The auditor's desk: where it listens, its own address, and who may sign in.

    `client` is the desk's registration in `parties/`, for sign-ins through this broker. `persons` gives each auditor's
    pairwise `sub` there a name for the record. `passkeys` are enrolled with `ciconia auditor add`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    listen: Listen
    url: Annotated[
        str,
        Field(description="Write https://HOST, or https://HOST:PORT, as auditors' browsers reach the desk."),
        AfterValidator(_issuer),
    ]
    client: str = Field(
        default="",
        pattern=r"^[!-~]{0,200}$",
        description='Write the client_id of the desk in parties/; "" where passkeys are the only way.',
    )
    persons: Annotated[dict[str, str], AfterValidator(_persons)] = Field(
        default={}, description='Write the number of each auditor and a name, as { "SUB" = "liis" }.'
    )
    passkeys: bool = Field(default=False, description="Write true or false.")

    @property
    def host(self) -> str:
        """The host of its address, without a port."""
        return urlsplit(self.url).hostname or ""


class ConsoleSettings(BaseModel):
    """The operator's pages: where they listen, and their own address. `ciconia console add` says who may sign in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    listen: Listen = "127.0.0.1:8600"
    url: Annotated[
        str,
        Field(description='Write https://HOST, as operators\' browsers reach the pages; "" for this machine alone.'),
        AfterValidator(_alias),
    ] = ""
    # Who may sign in, and what is proposed: the pages write there, and nowhere else
    folder: KeyFolder = "console"

    @property
    def address(self) -> str:
        """The address of the pages. `*.localhost` leads to this machine, and its cookies are those of no other host."""
        return self.url or f"http://console.localhost:{self.listen.rpartition(':')[2]}"

    @property
    def host(self) -> str:
        """The host of that address, without a port."""
        return urlsplit(self.address).hostname or ""
