"""The OpenID providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop import client_lemonldap, openid_ciconia, openid_lemonldap, provider_lemonldap
from tests.interop.openid_stage import OpenIDProvider, by_form, process
from tests.interop.peer import HERE, Debian, Flow, Npm
from tests.interop.programs import in_node

PROGRAMS = HERE / "providers"
# What an operator writes for a provider that wants it so
BASIC = 'token_endpoint_auth_method = "client_secret_basic"'
FORM = 'token_endpoint_auth_method = "client_secret_post"'
PS256 = 'id_token_signed_response_alg = "PS256"'
ES256 = 'id_token_signed_response_alg = "ES256"'
ALL = (
    ES256,
    'id_token_encrypted_response_enc = "A128GCM"',
    'userinfo_signed_response_alg = "ES256"',
    'userinfo_encrypted_response_enc = "A128GCM"',
    "require_pushed_authorization_requests = true",
    "require_signed_request_object = true",
    "dpop_bound_access_tokens = true",
)
SCOPE = f'scopes = ["purpose:{openid_ciconia.PURPOSE}"]'
SUBSTANTIAL = "http://eidas.europa.eu/LoA/substantial"

OPENID_PROVIDERS: tuple[OpenIDProvider, ...] = (
    OpenIDProvider(
        name="oidc-provider",
        package=Npm("oidc-provider"),
        documented="README, and its configuration's `features`; its interaction signs one person in unasked",
        runs=process(lambda upstream: in_node(PROGRAMS / "oidc_provider.mjs", upstream.folder)),
        level=SUBSTANTIAL,
        flows=(
            Flow("client_secret_basic, PKCE", (BASIC, ES256)),
            Flow("private_key_jwt, PAR, request object, DPoP with nonce, all encrypted", ALL),
            Flow("client_secret_basic, refused by it: another secret", (BASIC, ES256)),
            Flow("client_secret_basic, refused by us: an id_token of another algorithm", (BASIC,)),
        ),
    ),
    OpenIDProvider(
        name="LemonLDAP::NG as an OpenID provider",
        package=Debian("liblemonldap-ng-portal-perl", (client_lemonldap.PORTAL, client_lemonldap.PLACKUP)),
        documented="its page OpenID Connect identity provider; claims without regard to scopes, and no consent of its own",
        runs=process(openid_lemonldap.command),
        level=openid_lemonldap.LEVEL,
        walk=by_form(provider_lemonldap.FIELDS),
        flows=(
            Flow("client_secret_basic, PKCE required", (BASIC,)),
            Flow("client_secret_post, PKCE required", (FORM,)),
            Flow("client_secret_basic, refused by it: another secret", (BASIC,)),
            Flow("client_secret_basic, refused by us: an id_token of another algorithm", (BASIC, PS256)),
        ),
    ),
    OpenIDProvider(
        name="Ciconia",
        package=openid_ciconia.Own(),
        documented="`ciconia party add` at the upstream, whose purpose releases whole values to the broker that asks it",
        runs=openid_ciconia.run,
        walk=openid_ciconia.walk,
        flows=(
            Flow("client_secret_basic, PKCE", (BASIC, ES256, SCOPE)),
            Flow("private_key_jwt, PAR, request object, DPoP", (ES256, SCOPE, *ALL[-3:])),
            Flow("client_secret_basic, refused by it: another secret", (BASIC, ES256, SCOPE)),
            Flow("client_secret_basic, refused by us: an id_token of another algorithm", (BASIC, SCOPE)),
        ),
    ),
)
