"""Registers a new relying party, for `ciconia party add`: writes one new file, or two if the party has a key.

No existing file is changed. If the configuration does not load with the new files, they are removed.

    parties/NAME.toml        the registration: the most that the service may ever get
    parties/NAME.jwks.json   its public keys, where it authenticates by `private_key_jwt`
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from connectors.signatures.jwk import keys_from_jwks
from idp.application.certificate_proxy import proxy_of
from idp.application.load import load_all
from idp.config.setting_types import DEFAULT_PORTS, LABEL
from idp.config.settings import Settings
from idp.protocols.oidc.client import ASSERTION_ALGORITHMS, Clients
from idp.protocols.oidc.provider import ANSWER_PARAMETERS
from idp.system.toml_text import dumped
from policies.attributes import Address, AttributeName, Form, Value
from policies.catalogue import Catalogue, ClaimValue
from policies.derive import derive
from policies.errors import Problem, SignatureInvalid
from policies.forms import MULTIPLE, AttributeKind, is_predicate
from policies.load import Configuration
from policies.load.public_clients import fault_of_origin, fault_of_public_redirect_uri
from policies.load.redirects import fault_of_redirect_uri
from policies.load.table import IDENTIFIER, MAX_TITLE, nearest, unreadable
from policies.parties import ASSERTION_LIFE, PurposeId
from policies.purposes import Purpose
from policies.registrations.openid_client import CORE
from policies.registrations.redirects import LOOPBACK, is_of_an_app
from policies.visible import is_visible

# It names a file, too: it begins with a letter or digit, so that the file is not hidden and no shell reads an option
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Our snippets put the address into programs and routes. There a character that ends a text, or that a route reads as a
# pattern (`:`, `(`, `*`, `@`), would be code. Host and port have one spelling, so that two addresses can be compared.
ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{LABEL}(?:\.{LABEL})*|\[[0-9a-f:]+\])(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?:/(?:[A-Za-z0-9._~/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~/:=-]|%[0-9A-Fa-f]{2})*)?"
)
# If the last label is such a number, browsers read the whole host as an IPv4 address (WHATWG URL §3.5)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
MAX_HOST = 253
_HOME = Address("-", "-", "-", "-", "EE")
_NAME_FIX = "use 1 to 64 letters, digits, dots, hyphens and underscores."
_REDIRECT_FIX = "write the full https address of the app's callback."

_OF_PUBLIC = "# It keeps no secret: only the PKCE verifier of the code and these addresses bind an answer to it.\n"


@dataclass(frozen=True, slots=True)
class Beside:
    """Options of a service beside its sign-in: refresh tokens, who may ask about its tokens, logout and events."""

    refreshes: bool = False
    resource_servers: tuple[str, ...] = ()
    session_group: str = ""
    # where the citizen comes back to, where it hears that a session ended, and where of what a person does at `/me`
    signed_out: tuple[str, ...] = ()
    told_at: str = ""
    events_at: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """A registration to write. It has `jwks` (its public keys) or `secret_sha256`; the other one is empty."""

    client_id: str
    title: str
    sector: str
    redirect_uris: tuple[str, ...]
    purpose: PurposeId
    method: str
    algorithm: str = "ES256"
    secret_sha256: str = field(default="", repr=False)
    jwks: bytes = field(default=b"", repr=False)
    id_token_alg: str = "ES256"
    claims_in_id_token: bool = False
    pkce_required: bool = True
    assertion_audience: str = "issuer"
    assertion_life: int = ASSERTION_LIFE
    # An app in a browser or on a device, and the origins of its pages: by default those of its redirect addresses
    public: bool = False
    origins: tuple[str, ...] = ()
    profile: str = CORE
    beside: Beside = field(default_factory=Beside)

    @property
    def file(self) -> str:
        """The path of the registration, relative to the configuration."""
        return f"parties/{self.client_id}.toml"

    @property
    def jwks_file(self) -> str:
        """The path of its public keys, relative to the configuration."""
        return f"parties/{self.client_id}.jwks.json"


def faults(asked: Registration, settings: Settings, configuration: Configuration) -> tuple[Problem, ...]:
    """Everything that is wrong with this registration, all at once; empty if nothing is."""
    found = [*_faults_of_names(asked, settings, configuration)]
    if settings.role != "city":
        found.append(("role", "a node serves no relying parties.", "register it at the broker of its city."))
    found += [
        ("redirect_uris", f"{uri!r} {fault}", _REDIRECT_FIX)
        for uri in asked.redirect_uris
        if (fault := _fault_of_redirect(uri, settings, public=asked.public))
    ]
    found += [
        (key, f"{uri!r} {fault}", "write the full https address of the app.")
        for key, uris in (
            ("post_logout_redirect_uris", asked.beside.signed_out),
            ("backchannel_logout_uri", filter(None, (asked.beside.told_at,))),
            ("events_uri", filter(None, (asked.beside.events_at,))),
        )
        for uri in uris
        if (fault := _fault_of_redirect(uri, settings, public=asked.public))
    ]
    found += [
        ("origins", f"{origin!r} {fault}", "write scheme, host and port of the app's pages, as https://app.city.example.")
        for origin in asked.origins
        if (fault := fault_of_origin(origin) or _fault_of_address(origin, settings))
    ]
    if len(set(asked.redirect_uris)) != len(asked.redirect_uris):
        found.append(("redirect_uris", "has an address twice.", "write each address once."))
    if asked.purpose not in configuration.purposes:
        fix = nearest(asked.purpose, configuration.purposes)
        if not configuration.purposes:
            fix = "purposes/ is empty: write a purpose there first."
        found.append(("purposes", f"`{asked.purpose}` is not a purpose.", fix))
    return tuple(Problem(asked.file, 0, key, what, fix) for key, what, fix in found)


def _faults_of_names(
    asked: Registration, settings: Settings, configuration: Configuration
) -> Iterator[tuple[str, str, str]]:
    """Faults of its names: key, what is wrong, how to mend it."""
    here = [name for name in (asked.file, asked.jwks_file) if os.path.lexists(settings.folder / name)]
    there = [str(one.source) for one in configuration.parties.values() if one.client_id == asked.client_id]
    if not NAME.fullmatch(asked.client_id):
        yield "client_id", "is no name.", f"{_NAME_FIX} It begins with a letter or digit."
    elif taken := (*there, *here):
        yield "client_id", f"`{asked.client_id}` is there already ({taken[0]}).", "choose another name."
    if not IDENTIFIER.fullmatch(asked.sector):
        yield "sector", "is no name.", _NAME_FIX
    if not is_visible(asked.title):
        what = "has nothing that anybody can see." if asked.title.strip() else "is empty."
        yield "title", what, "write what citizens call the service, or leave --title out: then it is NAME."
    elif unreadable(asked.title) or len(asked.title) > MAX_TITLE:
        yield "title", "is too long or not printable.", f"write at most {MAX_TITLE} characters in one line."


def _fault_of_redirect(uri: str, settings: Settings, *, public: bool) -> str:
    """A sentence about what is unsafe in a redirect address of a new party; "" if nothing is."""
    if not public:
        return _fault_of_address(uri, settings)
    fault = fault_of_public_redirect_uri(uri)
    return fault if fault or is_of_an_app(uri) or LOOPBACK.fullmatch(uri) else _fault_of_address(uri, settings)


def _fault_of_address(uri: str, settings: Settings) -> str:
    """A sentence about what is unsafe in a web address of a new party; "" if nothing is."""
    if fault := fault_of_redirect_uri(uri):
        return fault
    parts = urlsplit(uri)
    if _place(uri) == _place(settings.issuer):
        return "is an address of the broker itself."
    taken = ANSWER_PARAMETERS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if taken:
        return f"has the parameter `{min(taken)}`, which is ours to send."
    if parts.scheme != "https" and not settings.demo:
        return "is not https, and this is no demo: anybody on the network could read the code."
    found = ADDRESS.fullmatch(uri)
    if found is None and ADDRESS.fullmatch(uri.replace(parts.netloc, parts.netloc.lower(), 1)):
        return "has capitals in its host: write it in lower case."
    if found is None:
        return "has a host or port that is not in canonical form, or a character such as ' $ ( & or a colon in the path."
    if found["port"] and int(found["port"]) == DEFAULT_PORTS[found["scheme"]]:
        return "names the default port: leave the port out."
    return "" if _is_host(found["host"]) else "has a host that is neither a name nor an IP address in canonical form."


def _place(uri: str) -> tuple[str, int]:
    """Host and port as a browser uses them: without a dot behind the name, and with the default port."""
    parts = urlsplit(uri)
    port = DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    return (parts.hostname or "").removesuffix("."), port


def _is_host(host: str) -> bool:
    """Whether it is a name or a canonical IP address (RFC 5952, RFC 3986 §3.2.2)."""
    try:
        if host.startswith("["):
            return str(ipaddress.IPv6Address(host[1:-1])) == host[1:-1]
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False
    return len(host) <= MAX_HOST


def algorithm_of(jwks: bytes) -> str:
    """The first of `ASSERTION_ALGORITHMS` for which a JWKS has a public key.

    Raises `SignatureInvalid` (check `jwk`) if it has a key for none, or a private, weak or malformed key.
    """
    refused: list[SignatureInvalid] = []
    for algorithm in ASSERTION_ALGORITHMS:
        try:
            keys_from_jwks(jwks.decode("utf-8", errors="surrogateescape"), algorithm)
        except SignatureInvalid as error:
            refused.append(error)
        else:
            return algorithm
    # Under one algorithm the right key may only be of another type: the refusal of a bad key says more
    raise next((one for one in refused if "has no key for" not in one.detail), refused[0])


def attributes_for(purpose: Purpose) -> Mapping[str, str]:
    """The attributes and forms that the purpose needs. The party is registered for nothing more."""
    return {str(name): str(need.form) for name, need in purpose.needs.items()}


def required_claims(purpose: Purpose, catalogue: Catalogue) -> Mapping[str, ClaimValue]:
    """The claims for what the purpose requires, each with a sample value of its type."""
    return {
        catalogue.claim_for(name, need.form): catalogue.claim_value(name, need.form, _sample(catalogue, name, need.form))
        for name, need in purpose.needs.items()
        if need.required
    }


def _sample(catalogue: Catalogue, name: AttributeName, form: Form) -> Value:
    if is_predicate(form):
        return True
    kind = catalogue.attributes[name].kind
    if kind is AttributeKind.ADDRESS:
        return derive(kind, _HOME, form, date.min) or "-"
    return ("-",) if kind in MULTIPLE else "-"


def text_of(asked: Registration, purpose: Purpose) -> str:
    """The file, as TOML."""
    table: dict[str, object] = {
        "client_id": asked.client_id,
        "sector": asked.sector,
        "redirect_uris": list(asked.redirect_uris),
        "purposes": [asked.purpose],
        "token_endpoint_auth_method": asked.method,
        "enforce": True,
    }
    if asked.public:
        table |= {"public": True} | ({"origins": list(asked.origins)} if asked.origins else {})
    elif asked.secret_sha256:
        table["client_secret_sha256"] = asked.secret_sha256
    else:
        table |= {"token_endpoint_auth_signing_alg": asked.algorithm, "jwks": asked.jwks_file}
    table |= {**dict(_needed_by_its_library(asked)), **dict(_beside(asked.beside))}
    needed = attributes_for(purpose)
    parts = [
        "# Written by `ciconia party add`. The attributes are the most that this service may ever get: exactly what its\n"
        "# purpose needs. Services of one sector know the same person by the same `sub`.\n"
        + (_OF_PUBLIC if asked.public else "")
        + dumped(table),
        "# The name that citizens read; add et, zh-Hans and others.\n" + dumped({"title": {"en": asked.title}}),
        *([dumped({"attributes": needed})] if needed else []),
    ]
    return "\n".join(parts)


def _needed_by_its_library(asked: Registration) -> Iterator[tuple[str, object]]:
    """The settings that differ from the default."""
    if asked.profile != CORE:
        yield "profile", asked.profile
        yield "dpop_bound_access_tokens", True
    if asked.assertion_audience != "issuer":
        yield "assertion_audience", asked.assertion_audience
    if asked.assertion_life != ASSERTION_LIFE:
        yield "assertion_life", asked.assertion_life
    if asked.id_token_alg != "ES256":
        yield "id_token_signed_response_alg", asked.id_token_alg
    if asked.claims_in_id_token:
        yield "claims_in_id_token", True
    if not asked.pkce_required:
        yield "pkce", "optional"


def _beside(beside: Beside) -> Iterator[tuple[str, object]]:
    """The lines of `Beside`, where they differ from the default."""
    if beside.refreshes:
        yield "grant_types", ["authorization_code", "refresh_token"]
    for key, value in (
        ("resource_servers", list(beside.resource_servers)),
        ("session_group", beside.session_group),
        ("post_logout_redirect_uris", list(beside.signed_out)),
        ("backchannel_logout_uri", beside.told_at),
        ("events_uri", beside.events_at),
    ):
        if value:
            yield key, value


def register(asked: Registration, purpose: Purpose, folder: Path) -> tuple[Path, ...]:
    """Write the new files, load the whole configuration to check them, and return their paths.

    Raises `Misconfigured` with every problem, FileExistsError if another process was faster, and OSError if it cannot
    write. After an error, also after Ctrl-C, none of its files is left.
    """
    return put(asked, text_of(asked, purpose), folder)


def put(asked: Registration, text: str, folder: Path) -> tuple[Path, ...]:
    """The same, of a registration whose file has this text."""
    files = {asked.jwks_file: asked.jwks} if asked.jwks else {}
    with files_written(folder, {**files, asked.file: text.encode()}) as written:
        settings, configuration, _ = load_all(folder)
        Clients(issuer=settings.issuer, parties=configuration.clients, proxy=proxy_of(settings))
    return written


@contextmanager
def files_written(folder: Path, files: Mapping[str, bytes]) -> Iterator[tuple[Path, ...]]:
    """Write new files by their paths in a folder, and remove them again if the block raises."""
    written: list[Path] = []
    try:
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_new(folder / name, content, 0o644)
            written.append(folder / name)
        yield tuple(written)
    except BaseException:
        withdraw(written)
        raise


def withdraw(written: Iterable[Path]) -> None:
    """Remove what `register` wrote."""
    for path in written:
        path.unlink(missing_ok=True)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a new file durably, as a whole or not at all. Raises FileExistsError if the name is taken."""
    # The configuration ignores a file of this name, so a broker that starts now sees the old state or the new one
    half = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link fails where the name is taken; a rename would replace
        path.hardlink_to(half)
        _make_durable(path.parent)
    except BaseException:
        # Another process may have been faster: its file stays
        with suppress(OSError):
            if path.samefile(half):
                path.unlink()
        raise
    finally:
        with suppress(OSError):
            half.unlink()


def _make_durable(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
