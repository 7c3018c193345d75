"""Peers that know XML signature, and perhaps encryption, but no SAML: they sign the texts of this suite, and verify ours.

signxml, libxmlsec in this process (python-xmlsec has a newer one than Debian), and Debian's program xmlsec1.
"""

import subprocess
from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path

import xmlsec
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier
from xmlsec import constants

from connectors.connector import Inbound
from connectors.profiles import AES256_GCM
from connectors.signatures.parse import Element
from connectors.signatures.profile import ENVELOPED, EXC_C14N
from connectors.wire.names import SUCCESS
from idp.keys.file import FileSigner
from tests.connectors import forge
from tests.connectors.crossing import XENC
from tests.connectors.forge import DS, IDP, SAML, SP, SSO, How
from tests.connectors.sent import Message
from tests.interop import messages
from tests.interop.messages import OURS, SESSION, SLO, SUBJECT, THEIRS, clock, key, posted
from tests.interop.saml_peers import XMLSEC1, Refused
from tests.peers import require_peer

ENCRYPTED = f"{{{SAML}}}EncryptedAssertion"
ASSERTION = f"{{{SAML}}}Assertion"
SIGNATURE = f"{{{DS}}}Signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
# What libxmlsec fills
TEMPLATE = (
    f'<xenc:EncryptedData xmlns:xenc="{XENC}" xmlns:ds="{DS}" Type="{XENC}Element"><xenc:EncryptionMethod Algorithm='
    f'"{AES256_GCM}"/><ds:KeyInfo><xenc:EncryptedKey>@TRANSPORT@'
    "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo>"
    "<xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"
)
SIGNATURE_TEMPLATE = (
    f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXC_C14N}"/>'
    f'<ds:SignatureMethod Algorithm="@METHOD@"/><ds:Reference URI="#@ID@"><ds:Transforms><ds:Transform Algorithm='
    f'"{ENVELOPED}"/><ds:Transform Algorithm="{EXC_C14N}"/></ds:Transforms><ds:DigestMethod Algorithm="{XENC}sha256"/>'
    "<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
)


class XmlPeer(ABC):
    """The base of all three: the texts, and what is signed and read of them. Implements `saml_peers.SamlPeer`."""

    # How it is told to sign, and to transport a key
    method = RSA_SHA256
    transport = f'<xenc:EncryptionMethod Algorithm="{XENC}rsa-oaep-mgf1p"/>'

    def __init__(self, folder: Path, *, theirs: FileSigner | None = None, ours: FileSigner | None = None) -> None:
        self._folder, self._theirs, self._ours = folder, theirs or key(THEIRS), ours or key(OURS)
        self._paths = messages.written(folder, {THEIRS: self._theirs, OURS: self._ours})

    @abstractmethod
    def signed(self, root: Element, element: Element) -> Element:
        """The whole again, with `element` (the root, or a child of it) signed after its Issuer."""

    @abstractmethod
    def verified(self, root: Element, element: Element) -> None:
        """Verify the Signature of `element`. Raises `Refused`."""

    def encrypted(self, root: Element) -> Element:
        """The whole again, its assertion encrypted to us."""
        raise NotImplementedError

    def decrypted(self, holder: Element) -> Element:
        """The assertion that was encrypted."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 # nothing runs
        """Nothing."""

    def answer(self, request: Inbound, request_id: str, signed_at: str, *, encrypted: bool) -> Inbound:
        self._read(request)
        root = etree.fromstring(messages.text_of(messages.reply(request_id)))
        if signed_at != "response":
            root = self.signed(root, root[-1])
        if encrypted:
            root = self.encrypted(root)
        if signed_at != "assertion":
            root = self.signed(root, root)
        return posted("SAMLResponse", etree.tostring(root))

    def ask(self, binding: str) -> Inbound:
        assert binding == "post"
        return self._signed("SAMLRequest", Message("AuthnRequest", destination=SSO, issuer=issuer(SP)))

    def hear(self, answer: Inbound) -> str:
        root = etree.fromstring(messages.octets_of(answer))
        places = [place for place in (root, *root.findall(ASSERTION)) if place.find(SIGNATURE) is not None]
        for place in places:
            self.verified(root, place)
        holder = root.find(ENCRYPTED)
        assertion = root.find(ASSERTION) if holder is None else self.decrypted(holder)
        assert assertion is not None
        if not places:
            self.verified(assertion, assertion)
        return assertion.findtext(f"{{{SAML}}}Subject/{{{SAML}}}NameID") or ""

    def begin_logout(self, binding: str) -> Inbound:
        assert binding == "post"
        name = f'<saml:NameID Format="{forge.PERSISTENT}">{SUBJECT}</saml:NameID>'
        session = f"<samlp:SessionIndex>{SESSION}</samlp:SessionIndex>"
        ends = f' NotOnOrAfter="{forge.clock(clock() + 120)}"'
        asked = Message("LogoutRequest", destination=SLO[SP], issuer=issuer(IDP), more=ends, inside=name + session)
        return self._signed("SAMLRequest", asked)

    def hear_logout(self, answer: Inbound) -> str:
        return self._read(answer).get("InResponseTo", "")

    def end_logout(self, request: Inbound) -> Inbound:
        status = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        answers = f' InResponseTo="{self._read(request).get("ID")}"'
        said = Message("LogoutResponse", destination=SLO[SP], issuer=issuer(IDP), more=answers, inside=status)
        return self._signed("SAMLResponse", said)

    def _read(self, message: Inbound) -> Element:
        root = etree.fromstring(messages.octets_of(message))
        self.verified(root, root)
        return root

    def _signed(self, parameter: str, message: Message) -> Inbound:
        xml = message.xml().replace(forge.clock(forge.NOW), forge.clock(clock()), 1)
        root = etree.fromstring(xml)
        return posted(parameter, etree.tostring(self.signed(root, root)))


def issuer(entity: str) -> str:
    return f"<saml:Issuer>{entity}</saml:Issuer>"


class SignXml(XmlPeer):
    """signxml, from PyPI. It has no encryption."""

    # Of the certificates' dates; None is now
    at: datetime | None = None

    def signed(self, root: Element, element: Element) -> Element:
        signer = XMLSigner(
            signature_algorithm=SignatureMethod(self.method),
            digest_algorithm="sha256",
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        certificate = load_der_x509_certificate(self._theirs.certificate)
        private = messages.private_pem(self._theirs)
        made: Element = signer.sign(element, key=private, cert=[certificate], reference_uri=element.get("ID"))
        # signxml puts its Signature last, and works on a copy
        made.insert(1, made[-1])
        if element is root:
            return made
        root.replace(element, made)
        return root

    def verified(self, root: Element, element: Element) -> None:
        location = "./" if element is root else f"./{ASSERTION}/"
        try:
            found = XMLVerifier().verify(
                etree.tostring(root),
                x509_cert=load_der_x509_certificate(self._ours.certificate),
                id_attribute="ID",
                expect_config=SignatureConfiguration(location=location, verification_time=self.at),
            )
        except SignXMLException as error:
            raise Refused(type(error).__name__) from error
        assert not isinstance(found, list)
        assert found.signed_xml is not None
        assert found.signed_xml.get("ID") == element.get("ID")


class LibXmlsec(XmlPeer):
    """libxmlsec as python-xmlsec brings it."""

    def signed(self, root: Element, element: Element) -> Element:
        def edit(template: Element) -> None:
            # It knows more algorithms than python-xmlsec has names for: the template says which
            template[0][1].set("Algorithm", self.method)

        forge.sign_element(root, element.get("ID", ""), messages.party_of(self._theirs), How(edit=edit))
        return root

    def verified(self, root: Element, element: Element) -> None:
        xmlsec.tree.add_ids(root, ["ID"])
        signature = element.find(SIGNATURE)
        if signature is None:
            raise Refused("no Signature")
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(self._ours.certificate, constants.KeyDataFormatCertDer)
        try:
            context.verify(signature)
        except xmlsec.Error as error:
            raise Refused(str(error)) from error

    def encrypted(self, root: Element) -> Element:
        plaintext = etree.tostring(root[-1])
        holder = etree.Element(ENCRYPTED)
        root.replace(root[-1], holder)
        template = etree.fromstring(TEMPLATE.replace("@TRANSPORT@", self.transport))
        holder.append(template)
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_memory(self._ours.certificate, constants.KeyDataFormatCertDer))
        context = xmlsec.EncryptionContext(manager)
        context.key = xmlsec.Key.generate(constants.KeyDataAes, 256, constants.KeyDataTypeSession)
        context.encrypt_binary(template, plaintext)
        return root

    def decrypted(self, holder: Element) -> Element:
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_memory(messages.private_pem(self._theirs), constants.KeyDataFormatPem))
        try:
            found: Element = xmlsec.EncryptionContext(manager).decrypt(holder[0])
        except xmlsec.Error as error:
            raise Refused(str(error)) from error
        return found


class Xmlsec1Program(XmlPeer):
    """Debian's program. What we encrypt has OAEP of XML Encryption 1.1, which this version does not have."""

    def __init__(self, folder: Path, *, theirs: FileSigner | None = None, ours: FileSigner | None = None) -> None:
        require_peer("xmlsec1", present=XMLSEC1.exists())
        super().__init__(folder, theirs=theirs, ours=ours)

    def signed(self, root: Element, element: Element) -> Element:
        text = SIGNATURE_TEMPLATE.replace("@METHOD@", self.method).replace("@ID@", element.get("ID", ""))
        element.insert(1, etree.fromstring(text))
        return self._run("--sign", "--privkey-pem", self._paths["theirs.key"], *_at(root, element), document=root)

    def verified(self, root: Element, element: Element) -> None:
        # The key is the one that is given, and none that the message brings
        given = ("--enabled-key-data", "raw-x509-cert", "--pubkey-cert-pem", self._paths["ours.crt"])
        self._run("--verify", *given, *_at(root, element), document=root)

    def encrypted(self, root: Element) -> Element:
        # In the text, since a tree drops what a parent declares too; the program encrypts just what stands there
        begin, end = "<saml:Assertion ", "</saml:Assertion>"
        text = etree.tostring(root, encoding="unicode").replace(begin, f"<saml:EncryptedAssertion>{begin}", 1)
        root = etree.fromstring(text.replace(end, f"{end}</saml:EncryptedAssertion>", 1))
        template = self._folder / "template.xml"
        template.write_text(TEMPLATE.replace("@TRANSPORT@", self.transport), encoding="utf-8")
        to = ("--pubkey-cert-pem", self._paths["ours.crt"], "--session-key", "aes-256")
        what = ("--xml-data", str(self._document), "--node-xpath", "/*/*/*[local-name()='Assertion']")
        return self._run("--encrypt", *to, *what, document=root, last=template)

    @property
    def _document(self) -> Path:
        return self._folder / "document.xml"

    def _run(self, *arguments: str, document: Element, last: Path | None = None) -> Element:
        """The program's output for a document, or `Refused` in its words."""
        output = self._folder / "output.xml"
        output.write_bytes(octets := etree.tostring(document))
        self._document.write_bytes(octets)
        ran = subprocess.run(
            [str(XMLSEC1), *arguments, "--output", str(output), str(last or self._document)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ran.returncode:
            raise Refused(ran.stderr)
        # Verifying writes nothing
        return etree.fromstring(output.read_bytes() or octets)


def _at(root: Element, element: Element) -> tuple[str, ...]:
    """The options that name a Signature, and what is an ID."""
    named = {str(found.tag).replace("{", "").replace("}", ":") for found in (root, element)}
    ids = [option for name in sorted(named) for option in ("--id-attr:ID", name)]
    inner = "" if element is root else "/*[local-name()='Assertion']"
    return (*ids, "--node-xpath", f"/*{inner}/*[local-name()='Signature']")
