"""LemonLDAP::NG's portal, whose people sign in at an OpenID Provider: its file configuration, and plackup to serve it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from idp.demo.browser import Page
from idp.demo.loopback import client, send
from tests.interop.client_stage import Service
from tests.interop.peer import HERE

PORTAL = Path("/usr/share/perl5/Lemonldap/NG/Portal.pm")
PLACKUP = Path("/usr/bin/plackup")
LOCAL = HERE / "localhost"
INI = """\
[all]
logger = Lemonldap::NG::Common::Logger::Std
logLevel = notice
localSessionStorage =
[configuration]
type = File
dirName = {0}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'config', 'default_expires_in' => 600, 'cache_root' => '{0}/cache' }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
"""
APP = "use Lemonldap::NG::Portal; Lemonldap::NG::Portal->run({});\n"
NAME = "ciconia"
# Claims beside `sub` that the portal keeps of a person
KEPT = ("age_over_18", "resident_of")


def command(service: Service, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """One portal with one provider, whose documents are pasted into the configuration as its manager does."""
    for name in ("conf", "cache", "sessions/lock", "persistent/lock"):
        (folder / name).mkdir(parents=True)
    (folder / "lemonldap-ng.ini").write_text(INI.format(folder), encoding="utf-8")
    (folder / "app.psgi").write_text(APP, encoding="utf-8")
    (folder / "conf" / "lmConf-1.json").write_text(json.dumps(_configuration(service, folder)), encoding="utf-8")
    words = [str(PLACKUP), "--server", "HTTP::Server::PSGI", "--host", "127.0.0.1", "--port", str(service.port), "app.psgi"]
    ini = str(folder / "lemonldap-ng.ini")
    return words, {"LLNG_DEFAULTCONFFILE": ini, "PERL5LIB": str(LOCAL), "PERL5OPT": "-MLocalhost"}


def _configuration(service: Service, folder: Path) -> dict[str, object]:
    with client() as http:
        discovery, jwks = (
            send(http, "GET", f"{service.issuer}{path}").text for path in ("/.well-known/openid-configuration", "/jwks")
        )
    told = service.environment
    options = {
        "oidcOPMetaDataOptionsConfigurationURI": f"{service.issuer}/.well-known/openid-configuration",
        "oidcOPMetaDataOptionsClientID": service.name,
        "oidcOPMetaDataOptionsClientSecret": told["CLIENT_SECRET"],
        "oidcOPMetaDataOptionsScope": told["SCOPE"],
        "oidcOPMetaDataOptionsCheckJWTSignature": 1,
        "oidcOPMetaDataOptionsUseNonce": 1,
        "oidcOPMetaDataOptionsRequirePkce": int("PKCE required" in service.flow.name),
    }
    storage = {"generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
    return {
        "cfgNum": 1,
        "cfgDate": 1,
        "cfgAuthor": "interop",
        "key": told["SESSION_KEY"],
        "cfgVersion": "2.21.2",
        "portal": f"{service.base}/",
        "domain": f"{service.name}.localhost",
        "securedCookie": 0,
        "locationRules": {f"{service.name}.localhost": {"default": "accept"}},
        "exportedHeaders": {},
        "authentication": "OpenIDConnect",
        "userDB": "Same",
        "passwordDB": "Null",
        "registerDB": "Null",
        "whatToTrace": "_whatToTrace",
        "macros": {"_whatToTrace": "$_user"},
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": storage | places(folder / "sessions"),
        "persistentStorage": "Apache::Session::File",
        "persistentStorageOptions": places(folder / "persistent"),
        # `/session/my/global` tells a person what the portal knows of them
        "restSessionServer": 1,
        "exportedAttr": " ".join(("sub", *KEPT)),
        "oidcOPMetaDataJSON": {NAME: discovery},
        "oidcOPMetaDataJWKS": {NAME: jwks},
        "oidcOPMetaDataOptions": {NAME: options},
        "oidcOPMetaDataExportedVars": {NAME: {"sub": "sub", **{name: name for name in KEPT}}},
    }


def places(folder: Path) -> dict[str, str]:
    return {"Directory": str(folder), "LockDirectory": str(folder / "lock")}


def claims(page: Page) -> Mapping[str, object]:
    """The claims in the portal's session: a flag is 1."""
    session = page.json()
    return {**session, "age_over_18": session.get("age_over_18") in {1, "1"}}
