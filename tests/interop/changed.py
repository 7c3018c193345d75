"""Real messages of SAML, stopped on their way and changed: whoever gets one of them has to refuse it."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import structlog
import xmlsec
from lxml import etree

from connectors.connector import Redirect
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import signed_for_browser
from connectors.wire.names import REDIRECT, saml
from idp.demo.browser import REDIRECTS, Browser, Page
from idp.demo.loopback import client, send
from tests.interop.client_stage import MOST_FORMS, Failed
from tests.interop.programs import words_of

DS, XENC = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmlenc#"
ASKS, ANSWER = (f"//form[.//input[@name='SAML{one}']]" for one in ("Request", "Response"))


def stopped(browser: Browser, url: str, before: str, form: str = ASKS) -> Page:
    """Whoever is asked has not been reached: the page that posts to them, or one of status 0 at their address."""
    with client() as http:
        for _ in range(MOST_FORMS + 1):
            if url.startswith(before):
                return Page(url, 0, "")
            cookie = browser._cookies(url, cross_site=False)
            answer = send(http, "GET", url, headers={"cookie": cookie} if cookie else {})
            browser._keep(url, answer.headers.get_list("set-cookie"))
            if answer.status_code not in REDIRECTS:
                page = Page(url, answer.status_code, answer.text)
                if answer.status_code != 200 or not page.tree.xpath(f"boolean({form})"):
                    raise Failed(f"no message: status {page.status} at {url.partition('?')[0]}: {words_of(page)}")
                return page
            url = urljoin(url, answer.headers["location"])
    raise Failed("no message after so many redirects")


def request_in(asked: Page) -> tuple[Element, str]:
    """The request that was stopped, without its signature, and its RelayState."""
    if asked.status:
        fields = {str(one.get("name")): str(one.get("value", "")) for one in asked.tree.xpath(f"{ASKS}//input[@name]")}
        octets = base64.b64decode(fields["SAMLRequest"])
    else:
        fields = dict(parse_qsl(urlsplit(asked.url).query))
        octets = zlib.decompress(base64.b64decode(fields["SAMLRequest"]), -zlib.MAX_WBITS)
    root = etree.fromstring(octets)
    without_signatures(root)
    return root, fields.get("RelayState", "")


def without_signatures(root: Element) -> None:
    """Take every signature out."""
    for parent in list(root.iter()):
        for one in parent.findall(f"{{{DS}}}Signature"):
            parent.remove(one)


def by_redirect(root: Element, url: str, relay_state: str, signer: Signer | None) -> str:
    """The address that brings a request to `url`: signed, or by nobody."""
    if signer is not None:
        sent = signed_for_browser(root, url, REDIRECT, relay_state, signer=signer, profile=SAML2INT)
        assert isinstance(sent, Redirect)
        return sent.url
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    text = base64.b64encode(packed.compress(etree.tostring(root)) + packed.flush()).decode()
    return f"{url}?{urlencode({'SAMLRequest': text, 'RelayState': relay_state})}"


def answer_in(page: Page) -> bytes:
    """The octets of the Response that a page posts."""
    return base64.b64decode(str(page.tree.xpath("string(//input[@name='SAMLResponse']/@value)")))


def answered(page: Page, change: Callable[[Element], None], signer: Signer | None) -> dict[str, str]:
    """The Response that a page posts, changed, and then signed as a whole, or by nobody: a field of the form."""
    root = etree.fromstring(answer_in(page))
    without_signatures(root)
    change(root)
    octets = etree.tostring(root)
    if signer is not None:
        issuer = root.find(saml("Issuer"))
        assert issuer is not None
        # Without the peer's own prefix for signatures, under which ours would stand
        etree.cleanup_namespaces(root, keep_ns_prefixes=["xs"])
        octets = sign_enveloped(root, signer, place=list(root).index(issuer) + 1, profile=SAML2INT)
    return {"SAMLResponse": base64.b64encode(octets).decode()}


def stripped(octets: bytes, key: Path) -> bytes:
    """An answer as somebody who may read it, and sign nothing, could have written it: decrypted, without any signature."""
    root = etree.fromstring(octets)
    for data in root.findall(f".//{{{XENC}}}EncryptedData"):
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_file(str(key), xmlsec.constants.KeyDataFormatPem))
        xmlsec.EncryptionContext(manager).decrypt(data)
    for sealed in root.findall(saml("EncryptedAssertion")):
        root.replace(sealed, sealed[0])
    without_signatures(root)
    return etree.tostring(root)


def refused_here(issuer: str, check: str, brought: Callable[[], Page]) -> None:
    """Raise `Failed` unless the broker's own page refuses what the browser brings, and its log names this check."""
    with structlog.testing.capture_logs() as lines:
        page = brought()
    found = [line.get("check") for line in lines if line.get("check")]
    if page.status < 400 or not page.url.startswith(issuer) or found != [check]:
        said = [line.get("event") for line in lines]
        raise Failed(f"status {page.status} at {page.url.partition('?')[0]}, refused by {found} {said}: {words_of(page)}")
