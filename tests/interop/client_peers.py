"""The OpenID Connect clients of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop import client_apache, client_chromium, client_lemonldap
from tests.interop.client_stage import IT_REFUSES, NO_PKCE, Client, Command
from tests.interop.peer import HERE, Debian, Fault, Flow, Npm, PyPI
from tests.interop.programs import in_node, in_python
from tests.interop.snippet_stage import APACHE, MODULES

PROGRAMS = HERE / "clients"
# What an operator writes for a client that wants it so
POST = "--method client_secret_post"
PUBLIC = "--public"
KEY = "--key-out key.pem"
RSA_KEY = "--jwks rsa.jwks.json"
RS256 = "--id-token-alg RS256"
IN_ID_TOKEN = "--claims-in-id"
AT_TOKEN_ENDPOINT = "--audience token_endpoint"
LONGER = "--life 600"
REFRESHES = 'grant_types = ["authorization_code", "refresh_token"]'
BOUND = "dpop_bound_access_tokens = true"
GOODBYE = 'post_logout_redirect_uris = ["BASE/bye"]'


def node(program: str) -> Command:
    """A program for node."""
    return lambda _, folder: in_node(PROGRAMS / program, folder)


def python(program: str) -> Command:
    """A program for the peers' own Python."""
    return lambda *_: in_python(PROGRAMS / program)


def mixed_up(flow: str, source: str, line: str) -> Fault:
    """The check of RFC 9207, which its code that reads an answer does not make."""
    why = "It does not compare the `iss` of an answer with the issuer that it asked (RFC 9207)."
    return Fault(f"{flow}, {IT_REFUSES}iss", "it took the answer", why, source=source, line=line)


CLIENTS: tuple[Client, ...] = (
    Client(
        name="openid-client",
        package=Npm("openid-client"),
        documented="README, Quick start; `allowInsecureRequests` since the stage has no TLS",
        command=node("openid_client.mjs"),
        callback="/callback",
        flows=(
            Flow("PKCE, neither state nor nonce", (POST,)),
            Flow("refused by us: another secret", (POST,)),
            Flow("refused by it: another iss", (POST,)),
        ),
    ),
    Client(
        name="openid-client with PAR and DPoP",
        package=Npm("openid-client"),
        documented="README, with what it says of pushed requests, DPoP, Private Key JWT, refresh and revocation",
        command=node("openid_client_fapi2.mjs"),
        callback="/callback",
        ends="/logout",
        flows=(
            Flow("profile fapi2: PAR, DPoP, private_key_jwt", (KEY,)),
            Flow("profile fapi2: and refresh, and revocation", (KEY, REFRESHES)),
            Flow("profile fapi2: and logout", (KEY, GOODBYE)),
            Flow("profile fapi2, refused by us: another key", (KEY,)),
            Flow("profile fapi2, refused by it: another iss", (KEY,)),
            Flow("profile fapi2, refused by it: another state", (KEY,)),
        ),
    ),
    Client(
        name="oauth4webapi",
        package=Npm("oauth4webapi"),
        documented="its example of FAPI 2.0, with that of OpenID Connect for id_token and userinfo",
        command=node("oauth4webapi.mjs"),
        callback="/callback",
        flows=(
            Flow("profile fapi2: PAR, DPoP, private_key_jwt", (KEY,)),
            Flow("profile fapi2, refused by us: another key", (KEY,)),
            Flow("profile fapi2, refused by it: another iss", (KEY,)),
        ),
    ),
    Client(
        name="Auth.js",
        package=Npm("@auth/express"),
        documented="`@auth/express`, Usage, with a provider of type `oidc`; session callbacks hand the claims to the page",
        command=node("auth_express.mjs"),
        callback="/auth/callback/ciconia",
        begin="/auth/signin",
        shows="/",
        flows=(
            Flow("PKCE, neither state nor nonce; claims from the id_token", (IN_ID_TOKEN,)),
            Flow("checks pkce, state and nonce; idToken: false"),
            Flow("checks pkce, state and nonce; idToken: false, refused by us: another secret"),
            Flow("checks pkce, state and nonce; idToken: false, refused by it: another state"),
            Flow("checks pkce, state and nonce; idToken: false, refused by it: another iss"),
        ),
    ),
    Client(
        name="mozilla-django-oidc",
        package=PyPI("mozilla-django-oidc"),
        documented="Installation; users are found by `sub`, as the page says for projects without e-mail addresses",
        command=python("mozilla_oidc.py"),
        callback="/oidc/callback/",
        begin="/oidc/authenticate/",
        ends="/oidc/logout/",
        flows=(
            Flow("defaults: no PKCE", (POST, RS256, NO_PKCE)),
            Flow("OIDC_USE_PKCE", (POST, RS256)),
            Flow("OIDC_USE_PKCE, logout: OIDC_OP_LOGOUT_URL_METHOD", (POST, RS256, GOODBYE)),
            Flow("OIDC_USE_PKCE, refused by us: another secret", (POST, RS256)),
            Flow("OIDC_USE_PKCE, refused by it: another state", (POST, RS256)),
            Flow("OIDC_USE_PKCE, refused by it: another iss", (POST, RS256)),
        ),
        faults=(mixed_up("OIDC_USE_PKCE", "mozilla_django_oidc/auth.py", 'code = self.request.GET.get("code")'),),
    ),
    Client(
        name="django-allauth",
        package=PyPI("django-allauth"),
        documented="Quickstart, and OpenID Connect; its default scopes beside the purpose",
        command=python("allauth_oidc.py"),
        callback="/accounts/oidc/ciconia/login/callback/",
        begin="/accounts/oidc/ciconia/login/",
        shows="/",
        flows=(
            Flow("PKCE, scopes openid profile email", (POST,)),
            Flow("PKCE, refused by us: another secret", (POST,)),
            Flow("PKCE, refused by it: another state", (POST,)),
            Flow("PKCE, refused by it: another iss", (POST,)),
        ),
        faults=(
            mixed_up(
                "PKCE", "allauth/socialaccount/providers/oauth2/views.py", 'code = get_request_param(self.request, "code")'
            ),
        ),
    ),
    Client(
        name="social-auth-core",
        package=PyPI("social-auth-core"),
        documented="social-auth-app-django, and OIDC (OpenID Connect); its default scopes beside the purpose",
        command=python("social_auth.py"),
        callback="/complete/oidc/",
        begin="/",
        flows=(
            Flow("defaults: no PKCE", (RS256, NO_PKCE)),
            Flow("SOCIAL_AUTH_OIDC_USE_PKCE", (RS256,)),
            Flow("SOCIAL_AUTH_OIDC_USE_PKCE, refused by us: another secret", (RS256,)),
            Flow("SOCIAL_AUTH_OIDC_USE_PKCE, refused by it: another state", (RS256,)),
            Flow("SOCIAL_AUTH_OIDC_USE_PKCE, refused by it: another iss", (RS256,)),
        ),
        faults=(
            mixed_up("SOCIAL_AUTH_OIDC_USE_PKCE", "social_core/backends/oauth.py", '"code": self.data.get("code", ""),'),
        ),
    ),
    Client(
        name="flask-oidc",
        package=PyPI("flask-oidc"),
        documented="the example of its documentation",
        command=python("flask_client.py"),
        callback="/authorize",
        begin="/",
        flows=(
            Flow("defaults: no PKCE", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by us: another secret", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by it: another state", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by it: another iss", (POST, NO_PKCE)),
        ),
        faults=(
            mixed_up("defaults: no PKCE", "authlib/integrations/flask_client/apps.py", '"code": request.args.get("code"),'),
        ),
    ),
    Client(
        name="passport-openidconnect",
        package=Npm("passport-openidconnect"),
        documented="README, Usage, with the option `nonce: true`",
        command=node("passport_openidconnect.mjs"),
        callback="/cb",
        flows=(
            Flow("no PKCE; claims from the id_token", (POST, NO_PKCE, IN_ID_TOKEN)),
            Flow("no PKCE, refused by us: another secret", (POST, NO_PKCE)),
            Flow("no PKCE, refused by it: another state", (POST, NO_PKCE)),
            Flow("no PKCE, refused by it: another iss", (POST, NO_PKCE)),
        ),
        faults=(mixed_up("no PKCE", "lib/strategy.js", "var code = req.query.code;"),),
    ),
    Client(
        name="express-openid-connect",
        package=Npm("express-openid-connect"),
        documented="README, Getting Started, with a secret and `response_type: 'code'`: its default, an id_token in the "
        "answer of the browser, is a flow that this broker does not have",
        command=node("express_openid_connect.mjs"),
        callback="/callback",
        begin="/",
        ends="/logout",
        flows=(
            Flow("code", (RS256,)),
            Flow("code, pushed: pushedAuthorizationRequests", (RS256,)),
            Flow("code, logout: idpLogout", (RS256, GOODBYE)),
            Flow("code, refused by us: another secret", (RS256,)),
            Flow("code, refused by it: another state", (RS256,)),
            Flow("code, refused by it: another iss", (RS256,)),
        ),
    ),
    Client(
        name="idpyoidc",
        package=PyPI("idpyoidc"),
        documented="the client's configuration page, and the three methods of its handler",
        command=python("idpyoidc_client.py"),
        callback="/callback",
        flows=(
            Flow("private_key_jwt for the token endpoint", (KEY, AT_TOKEN_ENDPOINT, LONGER)),
            Flow("private_key_jwt, refused by us: another key", (KEY, AT_TOKEN_ENDPOINT, LONGER)),
            Flow("private_key_jwt, refused by it: another state", (KEY, AT_TOKEN_ENDPOINT, LONGER)),
            Flow("private_key_jwt, refused by it: another iss", (KEY, AT_TOKEN_ENDPOINT, LONGER)),
        ),
    ),
    Client(
        name="mod_auth_openidc",
        package=Debian("libapache2-mod-auth-openidc", (APACHE, MODULES / "mod_auth_openidc.so")),
        documented="`auth_openidc.conf`, with OIDCPrivateKeyFiles",
        command=client_apache.command,
        callback="/callback",
        begin="/login",
        ends="/callback?logout=BASE%2Fbye",
        claims=client_apache.claims,
        flows=(
            Flow("private_key_jwt for the token endpoint, RSA", (RSA_KEY, AT_TOKEN_ENDPOINT)),
            Flow("private_key_jwt and DPoP, pushed: OIDCProfile FAPI20, RSA", (RSA_KEY, BOUND)),
            Flow("private_key_jwt for the token endpoint, pushed: PAR", (RSA_KEY, AT_TOKEN_ENDPOINT)),
            Flow("private_key_jwt for the token endpoint, logout", (RSA_KEY, AT_TOKEN_ENDPOINT, GOODBYE)),
            Flow("private_key_jwt for the token endpoint, refused by us: another key", (RSA_KEY, AT_TOKEN_ENDPOINT)),
            Flow("private_key_jwt for the token endpoint, refused by it: another state", (RSA_KEY, AT_TOKEN_ENDPOINT)),
            Flow("private_key_jwt for the token endpoint, refused by it: another iss", (RSA_KEY, AT_TOKEN_ENDPOINT)),
            Flow("private_key_jwt for the token endpoint, EC", (KEY, AT_TOKEN_ENDPOINT)),
        ),
        faults=(
            Fault(
                "private_key_jwt for the token endpoint, EC",
                "no private signing keys have been configured",
                "Up to 2.4.17 it signs client assertions with RSA keys alone, and calls an EC key no key.",
                issue="https://github.com/OpenIDC/mod_auth_openidc/blob/v2.4.17/src/proto/auth.c#L199",
            ),
        ),
    ),
    Client(
        name="oidc-client-ts",
        package=Npm("oidc-client-ts", programs=("node", "chromium")),
        documented="its UserManager with `loadUserInfo`, in a page that Debian's Chromium shows",
        command=node("oidc_client_ts.mjs"),
        callback="/callback",
        signs_in=client_chromium.signs_in,
        flows=(
            Flow("public client, PKCE, across origins", (PUBLIC,)),
            Flow("public client, logout: signoutRedirect", (PUBLIC, GOODBYE)),
        ),
    ),
    Client(
        name="LemonLDAP::NG",
        package=Debian("liblemonldap-ng-portal-perl", (client_lemonldap.PORTAL, client_lemonldap.PLACKUP)),
        documented="its page OpenID Connect authentication; the provider's documents stand in the configuration",
        command=client_lemonldap.command,
        callback="/?openidconnectcallback=1",
        begin="/",
        shows="/session/my/global",
        claims=client_lemonldap.claims,
        flows=(
            Flow("defaults: no PKCE", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by us: another secret", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by it: another state", (POST, NO_PKCE)),
            Flow("defaults: no PKCE, refused by it: another iss", (POST, NO_PKCE)),
            Flow("PKCE required", (POST,)),
        ),
        faults=(
            mixed_up(
                "defaults: no PKCE",
                "/usr/share/perl5/Lemonldap/NG/Portal/Auth/OpenIDConnect.pm",
                'my $code = $req->param("code");',
            ),
            Fault(
                "PKCE required",
                "code_verifier is malformed",
                "Its code_verifier has 16 characters; RFC 7636 section 4.1 wants 43 at least.",
                source="/usr/share/perl5/Lemonldap/NG/Portal/Plugins/AuthOidcPkce.pm",
                line="use constant RS_MSK => 's' x 16;",
            ),
        ),
    ),
)
