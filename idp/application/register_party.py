"""A new relying party, as `ciconia party add` writes it: one new file of the configuration, and with a key two.

Nothing that is there is ever changed. What was written is taken away again where the configuration does not hold with it.

    parties/NAME.toml        the registration: the most that the service may ever get
    parties/NAME.jwks.json   its public keys, where it authenticates by `private_key_jwt`
"""

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from connectors.signatures.jwk import keys_from_jwks
from idp.application.load import load_all
from idp.config.settings import DEFAULT_PORTS, LABEL, Settings
from idp.protocols.oidc.client import ASSERTION_ALGORITHMS, Clients
from idp.protocols.oidc.provider import ANSWER_PARAMETERS
from idp.system.toml_text import dumped
from policies.attributes import EXACT, Address, AttributeName, Form, Value
from policies.catalogue import Catalogue, ClaimValue
from policies.errors import Problem, SignatureInvalid
from policies.forms import AttributeKind
from policies.load import Configuration
from policies.load.public_clients import fault_of_origin, fault_of_public_redirect_uri
from policies.load.redirects import fault_of_redirect_uri
from policies.load.table import IDENTIFIER, MAX_TITLE, nearest, unreadable
from policies.parties import ASSERTION_LIFE, PurposeId
from policies.purposes import Purpose
from policies.redirects import LOOPBACK, is_of_an_app
from policies.visible import is_visible

# A name of a file, too: it begins with a letter or digit, so that it is neither hidden nor an option to somebody's shell
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Programs and routes get an address put into them: a sign that ends a text there, or that a route reads as a pattern (`:`,
# `(`, `*` and `@` of our own snippets), would be code. One spelling of host and port, so that two can be compared.
ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{LABEL}(?:\.{LABEL})*|\[[0-9a-f:]+\])(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?:/(?:[A-Za-z0-9._~/-]|%[0-9A-Fa-f]{2})*)?(?:\?(?:[A-Za-z0-9._~/:=-]|%[0-9A-Fa-f]{2})*)?"
)
# A last label of this kind makes browsers read the whole host as an IPv4 address (WHATWG URL §3.5)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
MAX_HOST = 253
# Forms whose value is a yes or a no
PREDICATES = frozenset({"age_over", "resident_of"})
_NAME_FIX = "use 1 to 64 letters, digits, dots, lines and underscores."
_REDIRECT_FIX = "write the one full https address of the app's callback."

_OF_PUBLIC = "# It keeps no secret: nothing but the code's PKCE verifier and these addresses binds an answer to it.\n"


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked for. `jwks` are the public keys ("" with a secret), `secret_sha256` is "" with keys."""

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
    # An app in a browser or on a device; the origins of its pages, none: those of its redirect addresses
    public: bool = False
    origins: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The path of the registration, relative to the configuration."""
        return f"parties/{self.client_id}.toml"

    @property
    def jwks_file(self) -> str:
        """The path of its public keys, relative to the configuration."""
        return f"parties/{self.client_id}.jwks.json"


def faults(asked: Registration, settings: Settings, configuration: Configuration) -> tuple[Problem, ...]:
    """Everything that keeps this registration from being written, all at once; empty where nothing does."""
    found = [*_faults_of_names(asked, settings, configuration)]
    if settings.role != "city":
        found.append(("role", "a node serves no relying parties.", "register it at the broker of its city."))
    found += [
        ("redirect_uris", f"{uri!r} {fault}", _REDIRECT_FIX)
        for uri in asked.redirect_uris
        if (fault := _fault_of_redirect(uri, settings, public=asked.public))
    ]
    found += [
        ("origins", f"{origin!r} {fault}", "write scheme, host and port of the app's pages, as https://app.city.example.")
        for origin in asked.origins
        if (fault := fault_of_origin(origin) or _fault_of_address(origin, settings))
    ]
    if len(set(asked.redirect_uris)) != len(asked.redirect_uris):
        found.append(("redirect_uris", "names an address twice.", "name each once."))
    if asked.purpose not in configuration.purposes:
        fix = nearest(asked.purpose, configuration.purposes)
        if not configuration.purposes:
            fix = "write a file in purposes/ first: there is none yet."
        found.append(("purposes", f"`{asked.purpose}` is not a purpose.", fix))
    return tuple(Problem(asked.file, 0, key, what, fix) for key, what, fix in found)


def _faults_of_names(
    asked: Registration, settings: Settings, configuration: Configuration
) -> Iterator[tuple[str, str, str]]:
    """Key, what is wrong and how to mend it, of what it is called."""
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
        yield "title", "is too long or not printable.", f"write at most {MAX_TITLE} signs in one line."


def _fault_of_redirect(uri: str, settings: Settings, *, public: bool) -> str:
    """What is unsafe about a redirect address of a new party, as a sentence; "" where nothing is."""
    if not public:
        return _fault_of_address(uri, settings)
    fault = fault_of_public_redirect_uri(uri)
    return fault if fault or is_of_an_app(uri) or LOOPBACK.fullmatch(uri) else _fault_of_address(uri, settings)


def _fault_of_address(uri: str, settings: Settings) -> str:
    """What is unsafe about a web address of a new party, as a sentence; "" where nothing is."""
    if fault := fault_of_redirect_uri(uri):
        return fault
    parts = urlsplit(uri)
    if _place(uri) == _place(settings.issuer):
        return "is an address of the broker itself."
    taken = ANSWER_PARAMETERS & {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    if taken:
        return f"has the parameter `{min(taken)}`, which is ours to send."
    if parts.scheme != "https" and not settings.demo:
        return "is not https, and this is no demo: whoever listens would read the code."
    found = ADDRESS.fullmatch(uri)
    if found is None and ADDRESS.fullmatch(uri.replace(parts.netloc, parts.netloc.lower(), 1)):
        return "has capitals in its host, which is written in lower case."
    if found is None:
        return "has a host or port in another spelling than the one, or a sign that programs and routes read as their own."
    if found["port"] and int(found["port"]) == DEFAULT_PORTS[found["scheme"]]:
        return "names the port that goes without saying."
    return "" if _is_host(found["host"]) else "has a host that is neither a name nor the one spelling of an IP address."


def _place(uri: str) -> tuple[str, int]:
    """Host and port, as a browser finds them: a dot behind the name and the port that goes without saying are nothing."""
    parts = urlsplit(uri)
    port = DEFAULT_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    return (parts.hostname or "").removesuffix("."), port


def _is_host(host: str) -> bool:
    """Whether it is a name, or an IP address as it is written canonically (RFC 5952, RFC 3986 §3.2.2)."""
    try:
        if host.startswith("["):
            return str(ipaddress.IPv6Address(host[1:-1])) == host[1:-1]
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False
    return len(host) <= MAX_HOST


def algorithm_of(jwks: bytes) -> str:
    """The one algorithm of client assertions that a JWKS of public keys is for, in the order of `ASSERTION_ALGORITHMS`.

    Raises `SignatureInvalid` (check `jwk`) where it is for none, or holds a private, a weak or a malformed key.
    """
    refused: list[SignatureInvalid] = []
    for algorithm in ASSERTION_ALGORITHMS:
        try:
            keys_from_jwks(jwks.decode("utf-8", errors="surrogateescape"), algorithm)
        except SignatureInvalid as error:
            refused.append(error)
        else:
            return algorithm
    # A private key is refused under whichever algorithm; a key that is merely of another type is not what is wrong
    raise next((one for one in refused if "has no key for" not in one.detail), refused[0])


def attributes_for(purpose: Purpose) -> Mapping[str, str]:
    """What a party has to be registered for, so that the purpose can be fulfilled: nothing more, in no stronger form."""
    return {str(name): str(need.form) for name, need in purpose.needs.items()}


def required_claims(purpose: Purpose, catalogue: Catalogue) -> Mapping[str, ClaimValue]:
    """The claims that carry what the purpose requires, each with a value of the kind that it has."""
    return {
        catalogue.claim_for(name, need.form): catalogue.claim_value(name, need.form, _sample(catalogue, name, need.form))
        for name, need in purpose.needs.items()
        if need.required
    }


def _sample(catalogue: Catalogue, name: AttributeName, form: Form) -> Value:
    if form.name in PREDICATES:
        return True
    whole = form == EXACT and catalogue.attributes[name].kind is AttributeKind.ADDRESS
    return Address(*("-" for _ in fields(Address))) if whole else "-"


def text_of(asked: Registration, purpose: Purpose) -> str:
    """The file, as TOML."""
    table: dict[str, object] = {
        "client_id": asked.client_id,
        "sector": asked.sector,
        "redirect_uris": list(asked.redirect_uris),
        "purposes": [asked.purpose],
        "token_endpoint_auth_method": asked.method,
    }
    if asked.public:
        table |= {"public": True} | ({"origins": list(asked.origins)} if asked.origins else {})
    elif asked.secret_sha256:
        table["client_secret_sha256"] = asked.secret_sha256
    else:
        table |= {"token_endpoint_auth_signing_alg": asked.algorithm, "jwks": asked.jwks_file}
    table |= _needed_by_its_library(asked)
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
    """What is not as it would be by itself."""
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


def register(asked: Registration, purpose: Purpose, folder: Path) -> tuple[Path, ...]:
    """Write the new files, and load the whole configuration again to prove that it holds with them; returns what it wrote.

    Raises `Misconfigured` with every problem, FileExistsError where somebody was faster, OSError where it cannot be
    written; then nothing of ours is left, nor after a Ctrl-C.
    """
    files = [(folder / asked.file, text_of(asked, purpose).encode())]
    if asked.jwks:
        files.insert(0, (folder / asked.jwks_file, asked.jwks))
    written: list[Path] = []
    (folder / "parties").mkdir(exist_ok=True)
    try:
        for path, content in files:
            write_new(path, content, 0o644)
            written.append(path)
        settings, configuration, _ = load_all(folder)
        Clients(issuer=settings.issuer, parties=configuration.parties)
    except BaseException:
        withdraw(written)
        raise
    return tuple(written)


def withdraw(written: Iterable[Path]) -> None:
    """Take away what `register` wrote: nobody will ever know the secret of it."""
    for path in written:
        path.unlink(missing_ok=True)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """A new file, there as a whole or not at all, and durable. Raises FileExistsError rather than replace one."""
    # No configuration reads a file of this name: a broker that starts in this moment sees the old state or the new
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
        # Ours only where it is the very file: who was faster keeps theirs
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
