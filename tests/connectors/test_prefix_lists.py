"""Lists of prefixes (Exclusive XML Canonicalization 1.0 §3), and letters that look like declarations of namespaces."""

import base64
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from connectors.profiles import SAML2INT
from connectors.signatures.parse import parse_message
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import RESPONSE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from tests.connectors import forge
from tests.connectors.forge import How, Reply

OTHER = 'xmlns="https://other.example/default"'


def with_a_default() -> bytes:
    """A response in which a default namespace is in scope that no name is in."""
    return Reply().xml().replace(b"<samlp:Response ", f"<samlp:Response {OTHER} ".encode(), 1)


# In a process of its own: what a thread's parser saw before must not change what is verified
_ALONE = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from connectors.profiles import SAML2INT
from connectors.signatures.shapes import RESPONSE
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.xmldsig import verify
folder = Path(sys.argv[1])
key = prepared(load_pem_public_key((folder / "key.pem").read_bytes()), SAML2INT)
verify((folder / "response.xml").read_bytes(), [key], RESPONSE, SAML2INT)
"""


def test_the_default_namespace_in_a_prefix_list_is_canonicalised_as_libxmlsec_does(tmp_path: Path) -> None:
    key = forge.party(forge.rsa_key(0))
    signed = forge.signed(with_a_default(), ["_response0001"], key, How(prefixes="#default"))
    message = verify(signed, [key_of_certificate(key.certificate, SAML2INT)], RESPONSE, SAML2INT)
    assert isinstance(message, SignedMessage)
    assert OTHER.encode() in message.signed.octets
    public = load_pem_private_key(key.pem, None).public_key()
    (tmp_path / "key.pem").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "response.xml").write_bytes(signed)
    subprocess.run([sys.executable, "-c", _ALONE, str(tmp_path)], check=True, timeout=60)


def test_base64_that_happens_to_spell_xmlns_passes() -> None:
    text = base64.b64encode(base64.b64decode("QUJDxmlnsREV" + "G" * 3 + "=" * 0 + "A" * 1)).decode()
    assert "xmlns" in text
    parse_message(f'<p:R xmlns:p="urn:p"><p:v>{text}</p:v></p:R>'.encode())
