"""A realm export of Keycloak (`kc.sh export`): its clients of both protocols, and its identity providers."""

import json
from collections.abc import Iterator, Mapping

from idp.application.imports.found import ITS_LOGOUT, NO_PKCE, Found, FoundClient, FoundProvider, FoundService, Unreadable
from idp.application.imports.metadata import ANSWERED, ASKED, certificate, provider_metadata, service_metadata
from idp.application.imports.values import flag, rows, table, text, texts
from policies.catalogue import STANDARD
from policies.registrations.saml_service import SubjectKind

# Keycloak's own clients, which each realm has
_OWN = {"account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console"}
_OWN_SCOPES = {
    *("acr", "address", "basic", "email", "microprofile-jwt", "offline_access", "organization", "phone", "profile"),
    *("role_list", "roles", "saml_organization", "service_account", "web-origins"),
}
_SUBJECTS = {"persistent": SubjectKind.PERSISTENT, "transient": SubjectKind.TRANSIENT, "email": SubjectKind.MAIL}
_METHODS = {"client-secret": "client_secret_basic", "client-jwt": "private_key_jwt"}
# What protects a client there, and is no key that the import writes: such a client would be weaker here
_PROTECTIONS = {
    "request.object.required": ("not required",),
    "tls.client.certificate.bound.access.tokens": ("false",),
    "id.token.encrypted.response.alg": (),
    "user.info.encrypted.response.alg": (),
    "client.secret.expiration.time": ("0",),
}
_BOUND = {
    "dpop.bound.access.tokens": "dpop_bound_access_tokens",
    "require.pushed.authorization.requests": "require_pushed_authorization_requests",
}
_FLOWS = {
    "implicitFlowEnabled": "the implicit flow: a token in an address lies in logs and histories",
    "directAccessGrantsEnabled": "the password grant: no service may see what a citizen signs in with",
    "serviceAccountsEnabled": "tokens of its own without a citizen (client credentials)",
    "authorizationServicesEnabled": "authorization services: who may do what inside the service is for the service",
}
_RENAMES = {"saml-user-attribute-idp-mapper", "oidc-user-attribute-idp-mapper"}
_ATTRIBUTES = {"firstName": "given_name", "lastName": "family_name", "email": "email", "birthdate": "birthdate"}


def read_keycloak(file: str, octets: bytes) -> Found:
    """Everything in an export. Raises `Unreadable`."""
    try:
        realm: object = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise Unreadable(file, "is no JSON.") from error
    realms = rows(realm) or [table(realm)]
    if not any("realm" in one for one in realms):
        raise Unreadable(file, "is no export of a realm: it has no `realm`.")
    found = Found()
    for one in realms:
        for client in rows(one.get("clients")):
            _client(one, client, found)
        for provider in rows(one.get("identityProviders")):
            _provider(one, provider, found)
        _of_realm(one, found)
    return found


def _client(realm: Mapping[str, object], client: Mapping[str, object], found: Found) -> None:
    name = text(client, "clientId")
    if name in _OWN or name == f"{text(realm, 'realm')}-realm" or (text(client, "protocol") == "" and name == ""):
        return
    if not flag(client, "enabled", default=True):
        found.leave(name, "is switched off there.", "import it from an export in which it is on, if it is needed.")
    elif any(table(client, "authenticationFlowBindingOverrides").values()):
        fix = "let its purpose require the assurance that the flow gives, and register it by `party add` or `add-saml`."
        found.leave(
            name, "signs in by a flow of its own (authenticationFlowBindingOverrides): it would be weaker here.", fix
        )
    elif text(client, "attributes", "minimum.acr.value"):
        fix = "let its purpose require that assurance, and register it by `party add` or `add-saml`."
        found.leave(name, "is protected by minimum.acr.value, without which it would be weaker here.", fix)
    elif text(client, "protocol") == "saml":
        _saml_client(client, name, found)
    elif text(client, "protocol") in {"openid-connect", ""}:
        _openid_client(realm, client, name, found)
    else:
        found.leave(name, "speaks a protocol that we do not.", "let it speak OpenID Connect or SAML.")


def _mappers(client: Mapping[str, object], name: str, found: Found) -> None:
    for mapper in rows(client.get("protocolMappers")):
        kind = text(mapper, "protocolMapper")
        why = "runs a script" if "script" in kind else "sends what the service chose"
        fix = "name in its purpose what it needs: each attribute goes in the weakest form that will do."
        found.leave(name, f"mapper `{text(mapper, 'name')}` ({kind}) {why}.", fix)


def _openid_client(realm: Mapping[str, object], client: Mapping[str, object], name: str, found: Found) -> None:
    attributes = table(client, "attributes")
    public = flag(client, "publicClient")
    method = "none" if public else _METHODS.get(text(client, "clientAuthenticatorType") or "client-secret", "")
    jwks = text(attributes, "jwks.string") if method == "private_key_jwt" and flag(attributes, "use.jwks.string") else ""
    if unfit := _unfit(client, attributes, has_key=bool(jwks), method=method):
        found.leave(name, *unfit)
        return
    _changes(client, attributes, name, found)
    redirects = tuple(_addresses(client, texts(client.get("redirectUris")), name, found))
    found.clients.append(
        FoundClient(
            client_id=name,
            title=text(client, "name"),
            redirect_uris=redirects,
            method=method,
            secret=text(client, "secret") if method == "client_secret_basic" else "",
            jwks=jwks.encode(),
            origins=_origins(client, name, found),
            signed_out=_signed_out(client, redirects, found),
            keys={"id_token_signed_response_alg": _signs(realm, attributes, name, found), **_keys(client, attributes)},
        )
    )


def _unfit(
    client: Mapping[str, object], attributes: Mapping[str, object], *, has_key: bool, method: str
) -> tuple[str, str] | None:
    """The reason why a client is not registered at all, and what to do."""
    if flag(client, "bearerOnly") or not flag(client, "standardFlowEnabled", default=True):
        fix = "let it use the code flow; one that only asks about tokens is registered by `ciconia party add-machine`."
        return "signs nobody in by the code flow.", fix
    if missing := [key for key, free in _PROTECTIONS.items() if text(attributes, key) not in {"", *free}]:
        fix = "register it by `ciconia party add`, with what protects it so: its purpose, or keys of docs/reference.md."
        return f"is protected by {', '.join(missing)}, without which it would be weaker here.", fix
    if not method or (method == "private_key_jwt" and not has_key):
        kind = text(client, "clientAuthenticatorType")
        what = f"authenticates by {kind}, and the export has no JWKS of it."
        return what, "register it by `ciconia party add --jwks FILE`, with its public keys."
    return None


def _changes(client: Mapping[str, object], attributes: Mapping[str, object], name: str, found: Found) -> None:
    """A line for each thing that the client could do there, and cannot here."""
    for key, what in _FLOWS.items():
        if flag(client, key):
            found.leave(name, f"{what}.", "let it use the code flow.")
    if not flag(client, "publicClient") and text(attributes, "pkce.code.challenge.method") != "S256":
        found.leave(name, *NO_PKCE)
    for key in ("backchannel.logout.url", "frontchannel.logout.url"):
        if text(attributes, key):
            fix = "put it into a session group, and write the address: docs/sessions-and-logout.md."
            found.leave(name, f"{key}: no session is kept for it here.", fix)
    for key in ("default.acr.values", "acr.loa.map"):
        if text(attributes, key) not in {"", "{}"}:
            fix = "let its purpose require the assurance that it needs: docs/write-a-purpose.md."
            found.leave(name, f"{key}: which assurance it asks for is not carried.", fix)
    _mappers(client, name, found)


def _signed_out(client: Mapping[str, object], redirects: tuple[str, ...], found: Found) -> tuple[str, ...]:
    """Where its citizens may go after a logout; `##` joins addresses, and `+` stands for those of its redirects."""
    written = text(table(client, "attributes"), "post.logout.redirect.uris").split("##")
    listed = [one for one in written if one not in {"", "+", "-"}]
    return (*(redirects if "+" in written else ()), *_addresses(client, listed, text(client, "clientId"), found))


def _keys(client: Mapping[str, object], attributes: Mapping[str, object]) -> Mapping[str, object]:
    """The keys that say how else it is protected, in our names."""
    keys: dict[str, object] = {ours: True for key, ours in _BOUND.items() if flag(attributes, key)}
    if text(client, "clientAuthenticatorType") == "client-jwt":
        keys["assertion_audience"] = "token_endpoint"
        if alg := text(attributes, "token.endpoint.auth.signing.alg"):
            keys["token_endpoint_auth_signing_alg"] = alg
    return keys


def _origins(client: Mapping[str, object], name: str, found: Found) -> tuple[str, ...]:
    """The origins whose pages may call for a public client; none are those of its redirect addresses."""
    named = texts(client.get("webOrigins")) if flag(client, "publicClient") else []
    if "*" in named:
        fix = "nothing, if the pages of its redirect addresses are all; else write the others into origins."
        found.leave(name, "webOrigins `*` lets every page call for it.", fix)
    return tuple(one for one in named if one not in {"*", "+"})


def _signs(realm: Mapping[str, object], attributes: Mapping[str, object], name: str, found: Found) -> str:
    wanted = text(attributes, "id.token.signed.response.alg") or text(realm, "defaultSignatureAlgorithm") or "RS256"
    if wanted in {"ES256", "RS256"}:
        return wanted
    found.leave(name, f"its id_tokens are signed by {wanted} there.", "tell its library ES256, which is what it gets.")
    return "ES256"


def _addresses(client: Mapping[str, object], written: list[str], name: str, found: Found) -> Iterator[str]:
    """The addresses that are whole; Keycloak puts its `rootUrl` before one that begins with a slash."""
    root = text(client, "rootUrl").rstrip("/")
    for uri in written:
        whole = f"{root}{uri}" if uri.startswith("/") and root and "$" not in root else uri
        if "*" in whole:
            fix = "write each full address of the app into its file: an open one leads codes to whoever finds it."
            found.leave(name, f"address {uri!r} holds a wildcard.", fix)
        elif uri:
            yield whole


def _saml_client(client: Mapping[str, object], name: str, found: Found) -> None:
    attributes = table(client, "attributes")
    wild = [uri for uri in texts(client.get("redirectUris")) if "*" in uri]
    # A redirect address may be any page of it: answers go there for a request that names it, and never by themselves
    posts = text(attributes, "saml_assertion_consumer_url_post") or next(
        _addresses(client, texts(client.get("adminUrl")), name, found), ""
    )
    artifact = text(attributes, "saml_assertion_consumer_url_artifact")
    if not posts:
        found.leave(
            name, "has no address for answers by POST.", "register it by `ciconia party add-saml`, by its metadata."
        )
        return
    if not text(attributes, "saml.signing.certificate"):
        fix = "let it sign its AuthnRequests, and register it by `ciconia party add-saml`, by its metadata."
        found.leave(name, "signs no requests: the export has no certificate of it, and we take no unsigned request.", fix)
        return
    encrypts = flag(attributes, "saml.encrypt")
    try:
        written = service_metadata(
            name,
            [(ANSWERED[0], posts), *([(ANSWERED[1], artifact)] if artifact else [])],
            [certificate(text(attributes, "saml.signing.certificate"))],
            [certificate(text(attributes, "saml.encryption.certificate"))] if encrypts else [],
        )
    except ValueError as error:
        found.leave(name, str(error), "register it by `ciconia party add-saml`, by its metadata.")
        return
    for uri in wild:
        fix = f"nothing, if its answers go to {posts} alone; else write the others into its metadata."
        found.leave(name, f"redirect address {uri!r} holds a wildcard.", fix)
    if not flag(attributes, "saml.client.signature"):
        found.leave(name, "need not sign its requests there, and has to here.", "let it sign its AuthnRequests.")
    if "SHA1" in text(attributes, "saml.signature.algorithm"):
        found.leave(name, "signs with SHA-1, which is refused here.", "let it sign with RSA-SHA256, and take that.")
    if text(attributes, "saml_idp_initiated_sso_url_name"):
        found.leave(name, "got answers that it had not asked for.", "let its link lead to its own sign-in.")
    if any(text(attributes, f"saml_single_logout_service_url_{one}") for one in ("post", "redirect", "soap")):
        found.leave(name, "single logout: it shares no sign-in here.", ITS_LOGOUT)
    _mappers(client, name, found)
    subject = _SUBJECTS.get(text(attributes, "saml_name_id_format"), SubjectKind.PAIRWISE_ID)
    if subject is SubjectKind.PAIRWISE_ID:
        fix = "let it know citizens by pairwise-id, or write subject in its file."
        found.leave(name, "knows citizens by a username, which nobody has here.", fix)
    found.services.append(FoundService(name, text(client, "name"), written, subject))


def _provider(realm: Mapping[str, object], provider: Mapping[str, object], found: Found) -> None:
    alias, kind, config = text(provider, "alias"), text(provider, "providerId"), table(provider, "config")
    title = text(provider, "displayName")
    named = _mapped(realm, alias, found)
    if not flag(provider, "enabled", default=True):
        found.leave(alias, "is switched off there.", "import it from an export in which it is on, if it is needed.")
    elif held := _held(provider, config):
        fix = "write its file by hand, if citizens may sign in by it without that: docs/reference.md."
        found.leave(alias, f"{held}: it would be weaker here.", fix)
    elif kind in {"oidc", "keycloak-oidc"}:
        issuer = text(config, "issuer")
        method = "private_key_jwt" if text(config, "clientAuthMethod") == "private_key_jwt" else "client_secret_basic"
        client_id = text(config, "clientId")
        found.providers.append(FoundProvider(alias, title, issuer, b"", named, client_id, method))
    elif kind == "saml":
        entity_id, keys = text(config, "idpEntityId"), text(config, "signingCertificate")
        if not entity_id or not keys:
            what = "has no entity id or no certificate in the export."
            found.leave(alias, what, "write its file by hand, with its metadata: docs/reference.md.")
            return
        if not flag(config, "validateSignature"):
            found.leave(alias, "its answers need no signature there, and do here.", "look whether it signs them.")
        binding = ASKED[flag(config, "postBindingAuthnRequest")]
        try:
            pinned = [certificate(one) for one in keys.split(",")]
            url = text(config, "singleSignOnServiceUrl")
            octets = provider_metadata(entity_id, [(binding, url)], pinned)
        except ValueError as error:
            found.leave(alias, str(error), "write its file by hand, with its metadata: docs/reference.md.")
            return
        found.providers.append(FoundProvider(alias, title, entity_id, octets, named))
    else:
        found.leave(alias, f"is a provider of the kind {kind}.", "only SAML and OpenID Connect are asked here.")


def _held(provider: Mapping[str, object], config: Mapping[str, object]) -> str:
    """How the realm holds back who comes from a provider; "" where it does not."""
    if flag(provider, "linkOnly"):
        return "signs nobody in there, and is only linked to accounts (linkOnly)"
    if text(provider, "postBrokerLoginFlowAlias"):
        return "has a flow after it, perhaps a second factor (postBrokerLoginFlowAlias)"
    return "takes those alone who have a claim (filteredByClaim)" if flag(config, "filteredByClaim") else ""


def _mapped(realm: Mapping[str, object], alias: str, found: Found) -> dict[str, str]:
    """Its wire names of our attributes, by the mappers that only rename."""
    named: dict[str, str] = {}
    for mapper in rows(realm.get("identityProviderMappers")):
        if text(mapper, "identityProviderAlias") != alias:
            continue
        config, kind = table(mapper, "config"), text(mapper, "identityProviderMapper")
        wire, to = text(config, "attribute.name") or text(config, "claim"), text(config, "user.attribute")
        ours = _ATTRIBUTES.get(to, to if to in STANDARD.attributes else "")
        if kind in _RENAMES and wire and ours and ours not in named.values():
            named[wire] = ours
        else:
            fix = "name under [attributes] of its file what it sends."
            found.leave(alias, f"mapper `{text(mapper, 'name')}` ({kind}) is not one that renames to an attribute.", fix)
    return named


def _of_realm(realm: Mapping[str, object], found: Found) -> None:
    name = text(realm, "realm")
    if count := len(rows(realm.get("users"))):
        fix = "nothing: citizens sign in at their country's provider, and no accounts are kept here."
        found.leave(name, f"{count} accounts are not carried.", fix)
    scopes = {text(one, "name") for one in rows(realm.get("clientScopes"))} - _OWN_SCOPES
    if scopes:
        fix = "name in purposes what services need: docs/write-a-purpose.md."
        found.leave(name, f"client scopes {', '.join(sorted(scopes))}: what goes is for purposes to say.", fix)
