"""SATOSA's `proxy_conf.yaml`, and the plugins, client database and metadata that it names, read beside it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from idp.application.imports.found import ENDED, NO_PKCE, Found, FoundClient, FoundProvider, FoundService, Unreadable
from idp.application.imports.metadata import entities, title_of
from idp.application.imports.values import Unread, rows, table, text, texts, unread
from idp.system.files import MAX_FILE, MAX_TEXT, read_whole
from policies.errors import EXTRAS
from policies.registrations.saml_service import SubjectKind

# Files of YAML by PyYAML (the extra `yaml`): plain values alone. A tag, such as SATOSA's `!ENV`, is `Unread`.

try:
    import yaml
except ImportError:
    yaml = None  # without the extra `yaml`: `read_yaml` says so


def read_yaml(file: str, octets: bytes) -> object:
    """The one document of a file. Raises `Unreadable`, also where the extra `yaml` is not installed."""
    if yaml is None:
        raise Unreadable(file, f"is YAML, and the extra `yaml` is not installed: {EXTRAS}")
    try:
        return yaml.load(octets.decode(), _loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise Unreadable(file, f"is no YAML{where}.") from error


def _loader() -> type:
    """The safe loader, which also meets tags of the peer's own."""
    plain: type = type("Plain", (yaml.SafeLoader,), {})

    def unread(_loader: object, suffix: str, node: yaml.Node) -> Unread:
        value = node.value if isinstance(node.value, str) else "..."
        return Unread(f"!{suffix} {value}", node.start_mark.line + 1)

    yaml.add_multi_constructor("!", unread, plain)
    return plain


_PERSISTENT, _TRANSIENT = "nameid-format:persistent", "nameid-format:transient"
_BY_HAND = "get the metadata of each that is needed, and pin it: `ciconia party add-saml` for a service, docs/reference.md."
_CONFIGURED = "read what it stands for, and write it into the file."


def read_satosa(path: Path) -> Found:
    """Everything that the file names. Raises `Unreadable` for the file itself; a file that it names is left."""
    folder, found = path.parent, Found()
    proxy = table(_yaml(path))
    if "FRONTEND_MODULES" not in proxy and "BACKEND_MODULES" not in proxy:
        raise Unreadable(str(path), "is no proxy_conf.yaml: it names neither FRONTEND_MODULES nor BACKEND_MODULES.")
    for name in texts(proxy.get("FRONTEND_MODULES")):
        _frontend(folder, name, found)
    for name in texts(proxy.get("BACKEND_MODULES")):
        _backend(folder, name, found)
    for name in texts(proxy.get("MICRO_SERVICES")):
        fix = "say it as a purpose, in which each attribute goes in the weakest form that will do; or leave it."
        found.leave(name, f"micro service {text(_plugin(folder, name, found), 'module')} runs code.", fix)
    for key in ("FRONTEND_MODULES", "BACKEND_MODULES", "MICRO_SERVICES"):
        for plugin in rows(proxy.get(key)):
            fix = "put it into a file of its own, and import again."
            found.leave(
                text(plugin, "name") or key, f"is written inside {path.name}, where plugins are not looked for.", fix
            )
    if text(proxy, "USER_ID_HASH_SALT"):
        found.leave(path.name, "USER_ID_HASH_SALT: identifiers of citizens are made anew.", "let services link them once.")
    return found


def _frontend(folder: Path, name: str, found: Found) -> None:
    plugin = _plugin(folder, name, found)
    match _kind(plugin):
        case "samlfrontend" | "samlmirrorfrontend":
            _services(folder, plugin, found)
        case "openidconnectfrontend":
            _clients(folder, plugin, found)
        case kind if kind:
            what = f"frontend {text(plugin, 'module')} has no counterpart here."
            found.leave(name, what, "let its services use OpenID Connect or SAML.")


def _backend(folder: Path, name: str, found: Found) -> None:
    plugin = _plugin(folder, name, found)
    match _kind(plugin):
        case "samlbackend" | "samlmirrorbackend":
            _saml_providers(folder, plugin, found)
        case "openidconnectbackend":
            _openid_provider(plugin, found)
        case kind if kind:
            what = f"backend {text(plugin, 'module')} has no counterpart here."
            found.leave(name, what, "if it asks by OpenID Connect, write its file: docs/connect-an-openid-provider.md.")


def _kind(plugin: Mapping[str, object]) -> str:
    return text(plugin, "module").lower().rpartition(".")[2]


def _yaml(path: Path) -> object:
    try:
        return read_yaml(str(path), read_whole(path, MAX_TEXT))
    except OSError as error:
        raise Unreadable(str(path), f"cannot be read: {error.strerror}.") from error


def _plugin(folder: Path, name: str, found: Found) -> Mapping[str, object]:
    try:
        plugin = table(_yaml(folder / name))
    except Unreadable as error:
        found.leave(name, error.what, "let this command read it, and import again.")
        return {}
    for where, one in unread(plugin):
        found.leave(name, f"line {one.line}: {where} has a value that only SATOSA's own machine knows.", _CONFIGURED)
    return plugin


def _entities(folder: Path, of: str, config: Mapping[str, object], role: str, found: Found) -> Iterator[tuple[str, bytes]]:
    """The entities of a role in a plugin's local metadata."""
    metadata = table(config, "metadata")
    for kind in ("remote", "mdq", "loader"):
        for one in rows(metadata.get(kind)) or texts(metadata.get(kind)):
            url = one if isinstance(one, str) else text(one, "url")
            found.leave(of, f"metadata from {url} is not fetched: nobody here has looked at it.", _BY_HAND)
    for named in texts(metadata.get("local")):
        paths = sorted((folder / named).glob("*.xml")) if (folder / named).is_dir() else [folder / named]
        for path in paths:
            try:
                for entity_id, octets in entities(read_whole(path, MAX_FILE), role):
                    if octets:
                        yield entity_id, octets
                    else:
                        found.leave(entity_id, f"{path.name}: it has ended, or a group around it.", ENDED)
            except OSError as error:
                found.leave(of, f"{path} cannot be read: {error.strerror}.", "let this command read it, and import again.")
            except ValueError as error:
                found.leave(of, f"{path}: {error}", _BY_HAND)


def _services(folder: Path, plugin: Mapping[str, object], found: Found) -> None:
    name, config = text(plugin, "name"), table(plugin, "config")
    idp = table(config, "idp_config", "service", "idp")
    formats = texts(idp.get("name_id_format"))
    subject = SubjectKind.PAIRWISE_ID
    if formats and formats[0].endswith((_PERSISTENT, _TRANSIENT)):
        subject = SubjectKind.PERSISTENT if formats[0].endswith(_PERSISTENT) else SubjectKind.TRANSIENT
    if "sha1" in text(idp, "signing_algorithm") + text(idp, "digest_algorithm"):
        found.leave(name, "signs with SHA-1, which nobody does here.", "let its services take RSA-SHA256.")
    for key in ("custom_attribute_release", "acr_mapping"):
        if table(config, key):
            found.leave(name, f"{key} is not carried.", "say it by purposes and [assurance]: docs/reference.md.")
    for entity_id, octets in _entities(folder, name, table(config, "idp_config"), "SPSSODescriptor", found):
        found.services.append(FoundService(entity_id, title_of(octets), octets, subject))


def _clients(folder: Path, plugin: Mapping[str, object], found: Found) -> None:
    name, config = text(plugin, "name"), table(plugin, "config")
    file = text(config, "client_db_path") or text(config, "db_file")
    if text(config, "client_db_uri") or not file:
        fix = "export its clients as the JSON of client_db_path, and import again."
        found.leave(name, "keeps its clients in a database, or in memory alone.", fix)
    if table(config, "provider").get("client_registration_supported") is True:
        fix = "write registered_clients into ciconia.toml, if services shall: docs/connect-an-app.md."
        found.leave(name, "services register themselves there.", fix)
    if not file or text(config, "client_db_uri"):
        return
    try:
        clients = json.loads(read_whole(folder / file, MAX_FILE))
    except OSError as error:
        found.leave(name, f"{file} cannot be read: {error.strerror}.", "let this command read it, and import again.")
        return
    except (ValueError, RecursionError):
        found.leave(name, f"{file} is no JSON.", "let SATOSA's own tools mend it, and import again.")
        return
    for client_id, one in table(clients).items():
        _client(client_id, table(one), found)


def _client(client_id: str, client: Mapping[str, object], found: Found) -> None:
    # pyop writes a kind of several words as a list of them
    listed = client.get("response_types")
    kinds = listed if isinstance(listed, list) else []
    answers = [" ".join(texts(one)) for one in kinds] or ["code"]
    if others := [one for one in answers if one != "code"]:
        fix = "let it use the code flow."
        found.leave(client_id, f"answers of the kind {', '.join(others)}: tokens in an address lie in logs.", fix)
    if "code" not in answers:
        return
    method = text(client, "token_endpoint_auth_method") or "client_secret_basic"
    if method not in {"client_secret_basic", "client_secret_post"}:
        fix = f"register it by `ciconia party add {client_id}`, with its public keys, or as --public."
        found.leave(client_id, f"authenticates by {method}, and SATOSA's file has no key of it.", fix)
        return
    found.leave(client_id, *NO_PKCE)
    redirects = tuple(texts(client.get("redirect_uris")))
    secret = text(client, "client_secret")
    found.clients.append(
        FoundClient(
            client_id=client_id,
            title=text(client, "client_name"),
            redirect_uris=redirects,
            method=method,
            secret=secret,
            signed_out=tuple(texts(client.get("post_logout_redirect_uris"))),
            keys={"id_token_signed_response_alg": "RS256"},
        )
    )


def _saml_providers(folder: Path, plugin: Mapping[str, object], found: Found) -> None:
    name, config = text(plugin, "name"), table(plugin, "config")
    if text(config, "disco_srv"):
        found.leave(name, "disco_srv: the citizen chooses on our own page.", "nothing.")
    if table(config, "acr_mapping"):
        found.leave(name, "acr_mapping is not carried.", "write [assurance] in the file of each provider.")
    if table(config, "sp_config", "service", "sp").get("allow_unsolicited") is True:
        fix = "nothing, or write [landings] in its file: docs/reference.md."
        found.leave(name, "takes answers that nobody asked for.", fix)
    for entity_id, octets in _entities(folder, name, table(config, "sp_config"), "IDPSSODescriptor", found):
        found.providers.append(FoundProvider("", title_of(octets), entity_id, octets))


def _openid_provider(plugin: Mapping[str, object], found: Found) -> None:
    config = table(plugin, "config")
    issuer = text(config, "provider_metadata", "issuer")
    client = table(config, "client", "client_metadata")
    found.providers.append(FoundProvider(text(plugin, "name"), "", issuer, client_id=text(client, "client_id")))
