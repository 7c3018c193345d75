"""SimpleSAMLphp's `saml20-sp-remote.php`, `saml20-idp-remote.php` and `authsources.php`, or the folder that has them."""

import math
import time
from collections.abc import Mapping
from pathlib import Path

from idp.application.imports.found import ENDED, ITS_LOGOUT, Found, FoundProvider, FoundService, Unreadable
from idp.application.imports.metadata import ANSWERED, ASKED, certificate, provider_metadata, service_metadata
from idp.application.imports.php import Assigned, read_php
from idp.application.imports.values import flag, rows, table, text, texts, unread
from idp.system.files import MAX_FILE, MAX_TEXT, read_whole
from policies.registrations.saml_service import SubjectKind

SERVICES, PROVIDERS, SOURCES = "saml20-sp-remote.php", "saml20-idp-remote.php", "authsources.php"
_PLACES = {SERVICES: "metadata", PROVIDERS: "metadata", SOURCES: "config"}
_SUBJECTS = {"persistent": SubjectKind.PERSISTENT, "transient": SubjectKind.TRANSIENT, "emailAddress": SubjectKind.MAIL}
# What a service or provider had there, and why it is not carried
_LEFT = {
    "authproc": ("runs filters of its own.", "say it as a purpose: each attribute goes in the weakest form that will do."),
    "attributes": ("lists attributes.", "name in its purpose what it needs: docs/write-a-purpose.md."),
    "simplesaml.nameidattribute": ("makes its NameID of an attribute.", "let it know citizens by `subject` of its file."),
    "SingleLogoutService": ("single logout: it shares no sign-in here.", ITS_LOGOUT),
    "sharedkey": ("encrypts by a shared key.", "give it a certificate for encryption."),
}
_HARMLESS = ("declare", "use ", "namespace ")
_BY_METADATA = "get its metadata from its operator, and register it by `ciconia party add-saml`."
_EVALUATED = "write the value itself into a copy of the file, and import that."


def read_simplesamlphp(path: Path) -> Found:
    """Everything in one of the three files, or in those of an installation's folder. Raises `Unreadable`."""
    if path.is_dir():
        paths = [path / folder / name for name, folder in _PLACES.items() if (path / folder / name).is_file()]
        if not paths:
            raise Unreadable(str(path), f"has none of {', '.join(f'{place}/{name}' for name, place in _PLACES.items())}.")
    elif path.name in _PLACES:
        paths = [path]
    else:
        raise Unreadable(str(path), f"is none of {', '.join(_PLACES)}, by which SimpleSAMLphp knows what is in a file.")
    found = Found()
    for each in paths:
        _file(each, found)
    return found


def _file(path: Path, found: Found) -> None:
    try:
        assigned, skipped = read_php(read_whole(path, MAX_FILE).decode())
    except OSError as error:
        raise Unreadable(str(path), f"cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Unreadable(str(path), "is no UTF-8.") from error
    except ValueError as error:
        raise Unreadable(str(path), str(error)) from error
    for one in skipped:
        if not one.text.startswith(_HARMLESS):
            found.leave(path.name, f"line {one.line} assigns no literal, and nothing is evaluated.", _EVALUATED)
    for each in assigned:
        if path.name != SOURCES:
            _unevaluated(each.key, each.value, found)
        if changed := [one for one in skipped if each.key and each.key in one.text]:
            what = f"is changed in line {changed[0].line} by a statement that nobody evaluated."
            found.leave(each.key, what, _EVALUATED)
        else:
            _entry(path, each, found)


def _unevaluated(of: str, value: object, found: Found) -> None:
    for where, one in unread(value):
        found.leave(of, f"line {one.line}: {where or 'its value'} is no literal.", _EVALUATED)


def _entry(path: Path, each: Assigned, found: Found) -> None:
    if path.name == SOURCES and each.variable == "config" and not each.key:
        _sources(table(each.value), found)
    elif each.variable == "metadata" and each.key and _has_ended(table(each.value)):
        found.leave(each.key, "has ended by its `expire`, or that is no time.", ENDED)
    elif each.variable == "metadata" and each.key:
        (_service if path.name == SERVICES else _provider)(path, each, found)
    else:
        found.leave(path.name, f"line {each.line}: ${each.variable} is not what the file is for.", "nothing.")


def _has_ended(entity: Mapping[str, object]) -> bool:
    end = entity.get("expire", math.inf)
    return not (isinstance(end, int | float) and end > time.time())


def _service(path: Path, entry: Assigned, found: Found) -> None:
    of, service = entry.key, table(entry.value)
    answers = [one for one in _endpoints(service.get("AssertionConsumerService"), ANSWERED[0]) if one[0] in ANSWERED]
    answers.sort(key=lambda one: one[0] != ANSWERED[0])
    if not answers:
        found.leave(of, "has no AssertionConsumerService by POST that is a literal.", _BY_METADATA)
        return
    try:
        signing, encryption = _keys(path, service)
    except ValueError as error:
        found.leave(of, str(error), _BY_METADATA)
        return
    if not signing:
        what = "signs no requests: it has no certificate there, and we take no unsigned request."
        found.leave(of, what, f"let it sign its AuthnRequests, and {_BY_METADATA}")
        return
    if service.get("validate.authnrequest") is False:
        found.leave(of, "need not sign its requests there, and has to here.", "let it sign its AuthnRequests.")
    _told(of, service, found)
    formats = texts(service.get("NameIDFormat"))
    subject = _SUBJECTS.get(formats[0].rpartition(":")[2]) if formats else SubjectKind.PAIRWISE_ID
    if subject is None:
        fix = "let it know citizens by pairwise-id, or write subject in its file."
        found.leave(of, f"asks for the NameID format {formats[0]}, which nobody has here.", fix)
    seals = flag(service, "assertion.encryption")
    if seals and not encryption:
        found.leave(of, "its assertions are encrypted, and it has no certificate for that.", _BY_METADATA)
        return
    octets = service_metadata(of, answers, signing, encryption if seals or _split(service) else [])
    found.services.append(FoundService(of, _title(service), octets, subject or SubjectKind.PAIRWISE_ID))


def _provider(path: Path, entry: Assigned, found: Found) -> None:
    of, provider = entry.key, table(entry.value)
    asked_at = [one for one in _endpoints(provider.get("SingleSignOnService"), ASKED[0]) if one[0] in ASKED]
    try:
        signing, _ = _keys(path, provider)
    except ValueError as error:
        found.leave(of, str(error), "write its file by hand, with its metadata: docs/reference.md.")
        return
    if not signing or not asked_at:
        what = "has no certificate, or no SingleSignOnService, that is a literal."
        found.leave(of, what, "write its file by hand, with its metadata: docs/reference.md.")
        return
    _told(of, provider, found)
    found.providers.append(FoundProvider("", _title(provider), of, provider_metadata(of, asked_at, signing)))


def _sources(config: Mapping[str, object], found: Found) -> None:
    """Which of the sources asked identity providers; what an authentication by SimpleSAMLphp itself was is left."""
    for name, source in config.items():
        settings = table(source)
        kind = [] if isinstance(source, str) else texts(settings.get("0") if settings else source)
        if kind[:1] == ["saml:SP"]:
            fix = "give each identity provider our metadata: `ISSUER/saml/metadata`."
            found.leave(
                name, f"was the entity {text(settings, 'entityID') or 'of its own address'} there, and is ours here.", fix
            )
            _unevaluated(name, settings, found)
            _told(name, settings, found)
        # Of a source of passwords nothing is shown: they stand in it
        elif name != "admin":
            fix = "connect an identity provider in its place: no passwords are asked for here."
            found.leave(name, f"authenticates by {kind[0] if kind else 'something else'}.", fix)


def _told(of: str, settings: Mapping[str, object], found: Found) -> None:
    """A line for each setting that has no counterpart here, or another one."""
    for key, (what, fix) in _LEFT.items():
        if settings.get(key):
            found.leave(of, f"`{key}`: {what}", fix)
    if text(settings, "signature.algorithm").endswith("sha1"):
        found.leave(of, "`signature.algorithm` is SHA-1, which is refused here.", "let it take RSA-SHA256, and sign so.")


def _endpoints(value: object, usual: str) -> list[tuple[str, str]]:
    """Binding and address of each endpoint; one that is a text alone has the usual binding."""
    if isinstance(value, str):
        return [(usual, value)]
    found = [(text(one, "Binding"), text(one, "Location")) for one in rows(value)]
    return [one for one in found if one[1]] or [(usual, one) for one in texts(value)]


def _split(entity: Mapping[str, object]) -> bool:
    """Whether it says which keys encrypt."""
    return any(
        "encryption" in one and flag(one, "encryption") and not flag(one, "signing") for one in rows(entity.get("keys"))
    )


def _keys(path: Path, entity: Mapping[str, object]) -> tuple[list[bytes], list[bytes]]:
    """Certificates (DER) for signing, and for encryption. ValueError for one that cannot be read."""
    signing: list[bytes] = []
    encryption: list[bytes] = []
    for one in rows(entity.get("keys")):
        if text(one, "type") == "X509Certificate":
            for use, to in (("signing", signing), ("encryption", encryption)):
                if flag(one, use, default=True):
                    to.append(certificate(text(one, "X509Certificate")))
    both = [certificate(one) for one in texts(entity.get("certData"))]
    for name in texts(entity.get("certificate")):
        if Path(name).name != name:
            raise ValueError(f"names a certificate outside of its folder cert/: {name}.")
        try:
            pem = read_whole(path.parents[1] / "cert" / name, MAX_TEXT).decode("ascii", "replace")
        except (OSError, IndexError) as error:
            raise ValueError(f"names the certificate cert/{name}, which cannot be read.") from error
        both.append(certificate(pem))
    return [*signing, *both], [*encryption, *both]


def _title(entity: Mapping[str, object]) -> str:
    for key in ("name", "OrganizationDisplayName", "description"):
        if found := text(entity, key) or text(entity, key, "en"):
            return found
    return text(table(entity, "UIInfo"), "DisplayName", "en")
