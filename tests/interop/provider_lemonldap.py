"""LemonLDAP::NG's portal as an identity provider: its file configuration, and plackup to serve it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from tests.interop.client_lemonldap import APP, INI, LOCAL, PLACKUP, places
from tests.interop.instance import Instance
from tests.interop.programs import Started
from tests.interop.provider_stage import PERSON

LASSO = next(iter(Path("/usr/lib").glob("*/perl5/*/Lasso.pm")), Path("/usr/lib/Lasso.pm"))
SP = "ciconia"
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
# What its session holds of a person is called so on the wire
NAMES = {one: one.replace("address.", "") for one in PERSON}
LANDS = f"/saml/singleSignOn?IDPInitiated=1&spConfKey={SP}&spDest={{url}}&RelayState=parking"
# Its demonstration backend knows this person
FIELDS = {"user": "dwho", "password": "dwho"}


def command(instance: Instance) -> Started:
    """One portal with one service provider, whose metadata is pasted into the configuration as its manager does."""
    return served(instance.folder, instance.port, {**portal(instance.base, instance.folder), **_saml(instance)})


def served(folder: Path, port: int, configuration: Mapping[str, object]) -> Started:
    """A portal with this configuration."""
    for name in ("conf", "cache", "sessions/lock", "persistent/lock"):
        (folder / name).mkdir(parents=True)
    (folder / "lemonldap-ng.ini").write_text(INI.format(folder), encoding="utf-8")
    (folder / "app.psgi").write_text(APP, encoding="utf-8")
    (folder / "conf" / "lmConf-1.json").write_text(json.dumps(configuration), encoding="utf-8")
    words = [str(PLACKUP), "--server", "HTTP::Server::PSGI", "--host", "127.0.0.1", "--port", str(port), "app.psgi"]
    ini = str(folder / "lemonldap-ng.ini")
    return words, {"LLNG_DEFAULTCONFFILE": ini, "PERL5LIB": str(LOCAL), "PERL5OPT": "-MLocalhost"}


def portal(base: str, folder: Path) -> dict[str, object]:
    """The configuration of a portal whose demonstration backend has `PERSON`."""
    storage = {"generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
    host = str(urlsplit(base).hostname)
    return {
        "cfgNum": 1,
        "cfgDate": 1,
        "cfgAuthor": "interop",
        "cfgVersion": "2.21.2",
        "key": "a key of this rig alone",
        "portal": f"{base}/",
        "domain": host,
        "securedCookie": 0,
        "locationRules": {host: {"default": "accept"}},
        "exportedHeaders": {},
        "authentication": "Demo",
        "userDB": "Same",
        "passwordDB": "Null",
        "registerDB": "Null",
        "demoExportedVars": {"uid": "uid", "cn": "cn", "mail": "mail"},
        "whatToTrace": "_whatToTrace",
        "macros": {"_whatToTrace": "$_user", **{NAMES[one]: f"'{value}'" for one, value in PERSON.items()}},
        "globalStorage": "Apache::Session::File",
        "globalStorageOptions": storage | places(folder / "sessions"),
        "persistentStorage": "Apache::Session::File",
        "persistentStorageOptions": places(folder / "persistent"),
        # A form of a script's would need its token
        "requireToken": 0,
    }


def _saml(instance: Instance) -> dict[str, object]:
    broker = instance.broker_metadata.read_text(encoding="utf-8")
    if "SOAP alone" in instance.flow.name:
        broker = re.sub(r"<md:SingleLogoutService [^>]*HTTP-Redirect[^>]*/>", "", broker)
    options = {
        "samlSPMetaDataOptionsCheckSSOMessageSignature": 1,
        "samlSPMetaDataOptionsNameIDFormat": "persistent",
        "samlSPMetaDataOptionsEnableIDPInitiatedURL": 1,
        "samlSPMetaDataOptionsCheckSLOMessageSignature": 1,
        "samlSPMetaDataOptionsSignSLOMessage": 1,
        "samlSPMetaDataOptionsEncryptionMode": "assertion" if "encrypted" in instance.flow.name else "none",
    }
    return {
        "issuerDBSAMLActivation": 1,
        # Whoever signed in this second is signed in anew
        "portalForceAuthnInterval": 0,
        # A password is of this level where the portal has no TLS, and one higher where it has
        "samlAuthnContextMapPassword": 1,
        "samlServicePrivateKeySig": instance.key.read_text(encoding="ascii"),
        "samlServicePublicKeySig": instance.certificate.read_text(encoding="ascii"),
        "samlSPMetaDataXML": {SP: {"samlSPMetaDataXML": broker}},
        "samlSPMetaDataOptions": {SP: options},
        "samlSPMetaDataExportedAttributes": {SP: {name: f"1;{name};{BASIC};{name}" for name in NAMES.values()}},
    }
