"""Shibboleth's service provider and mod_auth_mellon, each in a private Apache with a script that shows what it is told."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from idp.demo.browser import Page
from tests.interop.instance import Instance
from tests.interop.programs import Started
from tests.interop.snippet_stage import MODULES, App, apache

SHIBD = Path("/usr/sbin/shibd")
MELLON, SHIB = MODULES / "mod_auth_mellon.so", MODULES / "mod_shib.so"
SIMPLE_SIGN = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST-SimpleSign"
PAIRWISE_ID = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
# Both put each attribute into an environment variable that their configuration names
SHOWING = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
env | sed -n 's/^MELLON_//; /^pairwise_id=/p; /^age_over_18=/p'
"""
# As its user guide has these directives
MELLON_LINES = """\
<Location "/">
  MellonEnable info
  MellonEndpointPath /mellon
  MellonSPentityId {base}/mellon/metadata
  MellonSPPrivateKeyFile {key}
  MellonSPCertFile {certificate}
  MellonIdPMetadataFile {metadata}
  MellonSecureCookie Off
  MellonSetEnv pairwise_id {pairwise_id}
  MellonSetEnv age_over_18 {issuer}/attributes/age_over_18
</Location>
<Location "/login">
  AuthType Mellon
  MellonEnable auth
  Require valid-user
</Location>
"""
SHIB_LINES = """\
<Location "/Shibboleth.sso">
  AuthType None
  Require all granted
  SetHandler shib
</Location>
<Location "/login">
  AuthType shibboleth
  ShibRequestSetting requireSession 1
  {asks}
  Require shib-session
</Location>
"""
# The file of its package with this entity, key and metadata; its own maps and policies beside it
SHIBBOLETH2 = """\
<SPConfig xmlns="urn:mace:shibboleth:3.0:native:sp:config" clockSkew="180">
  <OutOfProcess logger="/etc/shibboleth/console.logger"/>
  <InProcess logger="/etc/shibboleth/console.logger"/>
  <UnixListener address="{folder}/shibd.sock"/>
  <StorageService type="Memory" id="mem" cleanupInterval="900"/>
  <SessionCache type="StorageService" StorageService="mem" cacheTimeout="3600" inprocTimeout="900" cleanupInterval="900"/>
  <ReplayCache StorageService="mem"/>
  <ApplicationDefaults entityID="{base}/shibboleth" REMOTE_USER="pairwise-id"{signing}>
    <Sessions lifetime="28800" timeout="3600" relayState="ss:mem" checkAddress="false" handlerSSL="false"
              cookieProps="http">
      <SSO entityID="{broker}"{ecp}{sso}>SAML2</SSO>
      <Logout asynchronous="false">SAML2 Local</Logout>
      <Handler type="MetadataGenerator" Location="/Metadata" signing="false"/>
    </Sessions>
    <Errors supportContact="root@localhost"/>
    <MetadataProvider type="XML" validate="true" path="{metadata}"/>
    <AttributeExtractor type="Chaining">
      <AttributeExtractor type="XML" validate="true" path="/etc/shibboleth/attribute-map.xml"/>
      <AttributeExtractor type="XML" validate="true" path="{folder}/attribute-map.xml"/>
    </AttributeExtractor>
    <AttributeFilter type="XML" validate="true" path="/etc/shibboleth/attribute-policy.xml"/>
    <CredentialResolver type="File" use="signing" key="{key}" certificate="{certificate}"/>
    <CredentialResolver type="File" use="encryption" key="{key}" certificate="{certificate}"/>
  </ApplicationDefaults>
  <SecurityPolicyProvider type="XML" validate="true" path="/etc/shibboleth/security-policy.xml"/>
  <ProtocolProvider type="XML" validate="true" reloadChanges="false" path="/etc/shibboleth/protocols.xml"/>
</SPConfig>
"""
ATTRIBUTE_MAP = """\
<Attributes xmlns="urn:mace:shibboleth:2.0:attribute-map">
  <Attribute name="{issuer}/attributes/age_over_18" id="age_over_18"/>
</Attributes>
"""


def mellon(instance: Instance) -> Started:
    """One virtual host with these lines."""
    return _served(instance, MELLON_LINES, f"LoadModule auth_mellon_module {MELLON}"), {}


def shibboleth(instance: Instance) -> Started:
    """Apache with its module, and its daemon beside it."""
    folder = instance.folder
    (folder / "shibboleth2.xml").write_text(_filled(SHIBBOLETH2, instance), encoding="utf-8")
    (folder / "attribute-map.xml").write_text(_filled(ATTRIBUTE_MAP, instance), encoding="utf-8")
    words = _served(instance, SHIB_LINES, f"LoadModule mod_shib {SHIB}\nShibConfig {folder}/shibboleth2.xml")
    daemon = [str(SHIBD), "-F", "-f", "-c", f"{folder}/shibboleth2.xml", "-p", f"{folder}/shibd.pid"]
    # Apache's own account has to reach the socket
    begun = f"(umask 0; exec {shlex.join(daemon)}) & until [ -S {folder}/shibd.sock ]; do sleep 0.1; done"
    return ["/bin/sh", "-c", f"{begun}; exec {shlex.join(words)}"], {}


def _served(instance: Instance, lines: str, loaded: str) -> list[str]:
    words = apache(App(instance.name, instance.port, _filled(lines, instance)), instance.folder, loaded)
    (instance.folder / "html" / "login").write_text(SHOWING, encoding="utf-8")
    return words


def _filled(text: str, instance: Instance) -> str:
    is_program = "ecp = true" in instance.flow.registered
    flow = instance.flow.name
    return text.format(
        base=instance.base,
        folder=instance.folder,
        key=instance.key,
        certificate=instance.certificate,
        metadata=instance.broker_metadata,
        broker=instance.broker_entity,
        issuer=instance.broker_entity.removesuffix("/saml/idp"),
        pairwise_id=PAIRWISE_ID,
        ecp=' ECP="true"' if is_program else "",
        # Its third address for answers is that of artifacts. It asks without TLS, and signs, where somebody says so
        asks="ShibRequestSetting acsIndex 3" if "acsIndex" in flow else "",
        # To whom a program takes a request it does not know, nor whether that one wants a signature
        signing=' signing="true" requireConfidentiality="false"' if is_program or "signing" in flow else "",
        sso=f' outgoingBindings="{SIMPLE_SIGN}"' if "SimpleSign" in flow else "",
    )


def claims(page: Page) -> Mapping[str, str]:
    """What the script found in its environment."""
    return {
        name.replace("pairwise_id", "pairwise-id"): value
        for name, value in re.findall(r"^(\w+)=(.*)$", page.text, re.MULTILINE)
    }
