"""Writes what an import found: registrations, metadata beside them, and drafts where a person has to decide something.

    parties/NAME.toml, providers/NAME.toml        it counts
    parties/NAME.toml.draft                       nobody named its purpose: no broker reads a file of this name
    providers/NAME.toml.draft                     nobody named its country, or its metadata is still to be pinned

No file is changed. If the configuration does not load with the new files, they are removed.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from connectors.metadata.pinned_provider import pinned_provider
from connectors.metadata.pinned_service import pinned_service
from idp.application.imports.found import Found, FoundClient, FoundProvider, FoundService, Left
from idp.application.load import load_all
from idp.application.planning import assert_composable
from idp.application.register_party import NAME, Beside, Registration, algorithm_of, attributes_for, faults, files_written
from idp.config.settings import Settings
from idp.system.toml_text import dumped
from policies.attributes import EXACT, AttributeName
from policies.catalogue import STANDARD
from policies.errors import Misconfigured, Problem, SignatureInvalid
from policies.load import Configuration
from policies.load.redirects import fault_of_address
from policies.load.table import MAX_TITLE, URI, unreadable
from policies.parties import EntityId, PurposeId, Source
from policies.registrations.saml_service import SamlService, SubjectKind
from policies.visible import is_visible

DRAFT = ".draft"
# We keep a plain hash of a secret, so it has to be one that nobody guesses: 128 bits in base64url, and no mask of `*`
MIN_SECRET, MIN_SIGNS = 22, 8
_PURPOSE_FIX = (
    "give --purpose {name}=ID and import again without the draft; or name the purpose and [attributes], and rename it."
)
_HEAD = "# Written by `ciconia import`{of}.\n"
_NO_PURPOSE = (
    "# A draft: no broker reads it. Name the purpose, and what it needs under [attributes]; then take `.draft` off.\n"
)
_NO_COUNTRY = "# A draft: no broker reads it. Fill in what is empty; then take `.draft` off its name.\n"
_USUAL = "# The usual names: hold them against what it sends. Without [assurance] only the eIDAS levels count.\n"
_CLAIMS = ("family_name", "given_name", "birthdate", "email", "phone_number")


@dataclass(frozen=True, slots=True)
class Choices:
    """The operator's words: purpose and country by name or entity id, under "" those of everybody else."""

    purposes: Mapping[str, str] = field(default_factory=dict)
    countries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """One service or provider that was written. `purpose` is "" in a draft and of a provider."""

    kind: str
    name: str
    file: str
    purpose: str = ""

    @property
    def is_draft(self) -> bool:
        """Whether somebody has to decide something before it counts."""
        return self.file.endswith(DRAFT)


class Import:
    """The new files of one import. Nothing is written before `write`."""

    def __init__(self, found: Found, choices: Choices, settings: Settings, configuration: Configuration) -> None:
        self._choices, self._settings, self._configuration = choices, settings, configuration
        self.left: list[Left] = list(found.left)
        self.files: dict[str, bytes] = {}
        self.imported: list[Imported] = []
        self._named: set[str] = set()
        for client in found.clients:
            self._client(client)
        for service in found.services:
            self._service(service)
        for provider in found.providers:
            self._provider(provider)

    def unused(self) -> tuple[str, ...]:
        """The names among the choices that nothing has: nobody shall think that they counted."""
        return tuple(sorted({*self._choices.purposes, *self._choices.countries} - self._named - {""}))

    def write(self, folder: Path) -> None:
        """Write the files. Raises as `register_party.register` does; after an error none of them is left."""
        with files_written(folder, self.files):
            settings, configuration, _ = load_all(folder)
            assert_composable(settings.issuer, configuration)

    def _leave(self, of: str, what: str, fix: str) -> None:
        self.left.append(Left(of, what, fix))

    def _chosen(self, among: Mapping[str, str], *names: str) -> str:
        self._named.update(names)
        return next((among[name] for name in (*names, "") if name in among), "")

    def _free(self, of: str, *files: str) -> bool:
        """Whether nothing has the name of these files."""
        taken = [one for one in files if one in self.files or os.path.lexists(self._settings.folder / one)]
        if taken:
            self._leave(of, f"{taken[0]} is there already, and no file is changed.", "import into a folder without it.")
        return not taken

    def _name_for(self, text: str, room: str) -> str:
        """A name of ours for an entity: its host, with more of its address where another one has that."""
        parts = urlsplit(text)
        words = (parts.hostname or "", f"{parts.hostname or ''}{parts.path}", text)
        slugs = [re.sub(r"[^A-Za-z0-9.]+", "-", one).strip("-.")[:60] for one in words]
        numbered = (f"{slugs[-1] or 'entity'}-{number}" for number in range(2, 10_000))
        taken = {one.name for one in self.imported} | {*self._configuration.parties, *self._configuration.providers}
        return next(
            one for one in (*slugs, *numbered) if one and one not in taken and f"{room}/{one}.toml" not in self.files
        )

    def _client(self, client: FoundClient) -> None:
        name = client.client_id
        purpose = self._chosen(self._choices.purposes, name)
        asked = Registration(
            client_id=name,
            title=_title(client.title, name),
            sector=name,
            redirect_uris=(),
            purpose=PurposeId(purpose),
            method=client.method,
            jwks=client.jwks,
            public=client.method == "none",
            origins=client.origins,
        )
        problems = [one for one in self._faults(asked) if one.key != "sector"]
        if any(one.sector == name for one in self._configuration.parties.values()):
            problems.append(
                Problem("", 0, "sector", f"has services already: {name}.", "register it by `ciconia party add`.")
            )
        secret = client.method.startswith("client_secret")
        if secret and (len(client.secret) < MIN_SECRET or len(set(client.secret)) < MIN_SIGNS):
            what = "is masked in the export, or so short that its hash would give it away."
            fix = f"register it by `ciconia party add {name}`, and give the app the new secret."
            problems.append(Problem("", 0, "secret", what, fix))
        good = self._good(asked, client.redirect_uris)
        if not good:
            problems.append(Problem("", 0, "redirect_uris", "has no address left.", "register it by `ciconia party add`."))
        keys = {**client.keys, "post_logout_redirect_uris": self._good(asked, client.signed_out, after=True)}
        keys = {key: value for key, value in keys.items() if value}
        if client.jwks and not problems:
            try:
                keys.setdefault("token_endpoint_auth_signing_alg", algorithm_of(client.jwks))
            except SignatureInvalid as error:
                problems.append(
                    Problem("", 0, "jwks", f"is refused: {error.detail}.", "give its public keys to `party add`.")
                )
        file = asked.file + ("" if purpose else DRAFT)
        if self._refused(name, problems) or not self._free(name, file, *([asked.jwks_file] if client.jwks else [])):
            return
        table: dict[str, object] = {
            "client_id": name,
            "sector": name,
            "redirect_uris": good,
            "purposes": [purpose] if purpose else [],
            "token_endpoint_auth_method": client.method,
            "enforce": True,
            **({"public": True} if asked.public else {}),
            **({"origins": list(client.origins)} if client.origins else {}),
            **({"client_secret_sha256": hashlib.sha256(client.secret.encode()).hexdigest()} if secret else {}),
            **({"jwks": asked.jwks_file} if client.jwks else {}),
            **keys,
        }
        if client.jwks:
            self.files[asked.jwks_file] = client.jwks
        self._party(file, table, asked)

    def _good(self, asked: Registration, uris: Iterable[str], *, after: bool = False) -> list[str]:
        """The addresses that a registration may have, for the code or for after a logout; a line for each other one."""
        good: list[str] = []
        for uri in dict.fromkeys(uris):
            one = replace(asked, beside=Beside(signed_out=(uri,))) if after else replace(asked, redirect_uris=(uri,))
            wrong = [each for each in self._faults(one) if each.key in {"redirect_uris", "post_logout_redirect_uris"}]
            good += [] if wrong else [uri]
            for each in wrong:
                self._leave(asked.client_id, f"address{' after logout' if after else ''} {each.what}", each.fix)
        return good

    def _faults(self, asked: Registration) -> Iterator[Problem]:
        for one in faults(asked, self._settings, self._configuration):
            if one.key != "purposes" or asked.purpose:
                yield one

    def _refused(self, of: str, problems: Collection[Problem]) -> bool:
        for one in problems:
            self._leave(of, f"is not registered: {one.key} {one.what}", one.fix)
        return bool(problems)

    def _party(self, file: str, table: Mapping[str, object], asked: Registration) -> None:
        needed = attributes_for(self._configuration.purposes[asked.purpose]) if asked.purpose else {}
        head = _HEAD.format(of=", with exactly what its purpose needs" if needed else "") + (
            "" if asked.purpose else _NO_PURPOSE
        )
        self.files[file] = _text(head, table, asked.title, needed)
        self.imported.append(Imported("party", asked.client_id, file, asked.purpose))
        if not asked.purpose:
            fix = _PURPOSE_FIX.format(name=asked.client_id)
            self._leave(asked.client_id, f"is a draft, {file}: no purpose was named.", fix)

    def _service(self, service: FoundService) -> None:
        of = service.entity_id
        held = [one for one in self._configuration.parties.values() if one.saml and one.saml.entity_id == of]
        if held:
            self._leave(of, f"is registered already, in {held[0].source.file}.", "nothing.")
            return
        if not URI.fullmatch(of):
            fix = "let it take a URI as its entityID, and register it by `ciconia party add-saml`."
            self._leave(of, "is not registered: its entityID is no URI.", fix)
            return
        name = self._name_for(of, "parties")
        purpose = self._chosen(self._choices.purposes, name, of)
        asked = Registration(name, _title(service.title, name), name, (), PurposeId(purpose), "saml")
        subject = self._subject(service, purpose)
        problems = [*self._faults(asked)]
        try:
            pinned_service(SamlService(of, service.metadata, subject), Source(asked.file, 1))
        except Misconfigured as error:
            problems += error.problems
        pinned, file = f"metadata/{name}.xml", asked.file + ("" if purpose else DRAFT)
        if self._refused(of, problems) or not self._free(of, file, pinned):
            return
        self.files[pinned] = service.metadata
        table: dict[str, object] = {
            "client_id": name,
            "protocol": "saml",
            "entity_id": of,
            "metadata": pinned,
            "subject": str(subject),
            "purposes": [purpose] if purpose else [],
            "enforce": True,
        }
        self._party(file, table, asked)

    def _subject(self, service: FoundService, purpose: str) -> SubjectKind:
        """Its kind of identifier; a mail address only where the purpose requires that anyway."""
        named = self._configuration.purposes.get(PurposeId(purpose))
        need = named.needs.get(AttributeName("email")) if named else None
        if service.subject is not SubjectKind.MAIL or (need and need.required and need.form == EXACT):
            return service.subject
        what = "knows citizens by their mail address, which its purpose does not require: it gets a pairwise-id."
        self._leave(
            service.entity_id, what, 'let it take that, or require `email` in the purpose and write subject = "mail".'
        )
        return SubjectKind.PAIRWISE_ID

    def _provider(self, provider: FoundProvider) -> None:
        of = provider.entity_id
        held = [one for one in self._configuration.providers.values() if one.entity_id == of]
        if held or not URI.fullmatch(of):
            what = (
                f"is registered already, in {held[0].source.file}." if held else "has no issuer or entityID that is a URI."
            )
            self._leave(of or provider.name, what, "nothing." if held else "write its file by hand: docs/reference.md.")
            return
        name = provider.name if NAME.fullmatch(provider.name) else self._name_for(of, "providers")
        country = self._chosen(self._choices.countries, name, of)
        openid = not provider.metadata
        binding = ""
        try:
            if not openid:
                read = pinned_provider(provider.metadata, EntityId(of), Source(f"providers/{name}.toml", 1)).metadata
                binding = "redirect" if read.redirect_url else "post"
                problems = [
                    Problem("", 0, "metadata", f"is asked at {url!r}, which {fault}", "let it use https.")
                    for url in filter(None, (read.redirect_url, read.post_url))
                    if (fault := fault_of_address(url))
                ]
                if self._refused(of, problems):
                    return
        except Misconfigured as error:
            self._refused(of, error.problems)
            return
        complete = bool(country) and not openid
        pinned = f"metadata/{name}.{'json' if openid else 'xml'}"
        file = f"providers/{name}.toml{'' if complete else DRAFT}"
        if not self._free(of, file, *([] if openid else [pinned])):
            return
        table: dict[str, object] = {
            "id": name,
            "protocol": "oidc" if openid else "saml",
            "country": country,
            "namespace": f"{name[:60]}/{country}" if country else "",
            "metadata": pinned,
        }
        if openid:
            table |= {"issuer": of, "client_id": provider.client_id, "token_endpoint_auth_method": provider.method}
            fix = (
                f"`ciconia metadata discover {of} {pinned}`, its secret into the key folder, our callback address to its "
                f"operator, then take {DRAFT} off: docs/connect-an-openid-provider.md."
            )
            self._leave(name, f"is a draft, {file}: nobody has looked at its metadata yet, and no secret is carried.", fix)
        else:
            table |= {"entity_id": of, "binding": binding}
            self.files[pinned] = provider.metadata
            if not country:
                fix = f"give --country {name}=CC and import again without the draft; or fill it in, and rename it."
                self._leave(name, f"is a draft, {file}: no country was named.", fix)
        usual = {one: one for one in _CLAIMS} if openid else _usual_names()
        self.files[file] = _text(
            _HEAD.format(of="") + ("" if complete else _NO_COUNTRY) + ("" if provider.attributes else _USUAL),
            table,
            _title(provider.title, name),
            provider.attributes or usual,
        )
        self.imported.append(Imported("provider", name, file))


def _title(found: str, name: str) -> str:
    """The peer's name for citizens, where it is one; `${...}` is a phrase of Keycloak's own."""
    fits = is_visible(found) and not unreadable(found) and len(found) <= MAX_TITLE and not found.startswith("${")
    return found if fits else name


def _usual_names() -> Mapping[str, str]:
    return {
        wire: f"{name}.{part}" if part else str(name)
        for name, attribute in STANDARD.attributes.items()
        for wire, part in attribute.saml.items()
    }


def _text(head: str, table: Mapping[str, object], title: str, attributes: Mapping[str, str]) -> bytes:
    parts = [head + dumped(table), dumped({"title": {"en": title}})]
    return "\n".join([*parts, *([dumped({"attributes": attributes})] if attributes else [])]).encode()
