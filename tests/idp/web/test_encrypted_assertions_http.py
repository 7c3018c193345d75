"""An identity provider that encrypts, over HTTP: to the key of our metadata, through a whole login, and what is refused."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any  # structlog's own type of an event

import pytest
from lxml import etree

from connectors.profiles import AES128_GCM
from idp.demo.citizens import CITIZENS
from idp.keys.folder import SAML_ENCRYPTION
from tests.connectors.crossing import XENC, Encryption
from tests.idp.staging import Lines
from tests.idp.web.forgery import Forgery, spliced, swapped
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

# A postcode of four digits stands in a random reference now and then. Each citizen has an id and an address of post as long
CANARIES = {value for one in CITIZENS for value in one.attributes.values() if len(value) >= 12}
NOT_ACCEPTED = "Your country's answer was not accepted"
DS = "http://www.w3.org/2000/09/xmldsig#"
MGF1P = Encryption(transport=f"{XENC}rsa-oaep-mgf1p", mgf=None, hashes=(256, 1))
# As our metadata asks for it: the mask has SHA-1 where nothing names another
OAEP_AS_ASKED = Encryption(mgf=None, hashes=(256, 1))
OLD_MGF1P = Encryption(transport=f"{XENC}rsa-oaep-mgf1p", mgf=None, digest=None, hashes=(1, 1))


def published(visitor: Visitor, use: str = "encryption") -> list[bytes]:
    """The certificates (DER) that our metadata has for this use, as its readers get it."""
    answer = visitor.go("GET", "/saml/metadata")
    assert answer.status == 200
    found = etree.fromstring(answer.text.encode()).findall(f".//{{*}}KeyDescriptor[@use='{use}']//{{{DS}}}X509Certificate")
    return [base64.b64decode(each.text or "") for each in found]


def sealed(how: Encryption) -> Callable[[bytes], etree._Element]:
    return lambda assertion: replace(how, plaintext=assertion).element()


def encrypting(visitor: Visitor, how: Encryption | None = None, **changes: Any) -> Forgery:  # Any: fields of `Forgery`
    """An answer whose assertion is encrypted to our published key, but for what `how` and `changes` say."""
    (certificate,) = published(visitor)
    return Forgery(sealed=sealed(replace(how or Encryption(), certificate=certificate)), **changes)


def back(visitor: Visitor, stage: Stage, made: Forgery) -> Answer:
    return visitor.returns(made.made(stage, visitor.asked(visitor.login())))


def test_metadata_has_one_key_that_signs_and_another_to_encrypt_to(visitor: Visitor, stage: Stage) -> None:
    held = stage.application.keys.saml_encryption
    assert held is not None
    assert published(visitor) == [held.at(0).certificate]
    assert published(visitor, "signing") == [stage.application.keys.saml.at(0).certificate]


@pytest.mark.spec("saml.md §2: encrypted assertions")
@pytest.mark.parametrize("signed", [("response",), ("assertion", "response")])
@pytest.mark.parametrize(
    "how",
    [Encryption(), OAEP_AS_ASKED, Encryption(content=AES128_GCM), MGF1P, OLD_MGF1P],
    ids=["sha256 twice", "as our metadata asks", "aes128", "mgf1p with sha256", "mgf1p with sha1"],
)
def test_a_whole_login_with_an_encrypted_assertion_says_what_a_plain_one_says(
    visitor: Visitor, stage: Stage, how: Encryption, signed: tuple[str, ...]
) -> None:
    question = back(visitor, stage, encrypting(visitor, how, signed=signed))
    assert (question.status, question.heading) == (200, "Share this with Resident parking?")
    tokens = visitor.redeem(visitor.decides(question).back["code"]).json
    said = visitor.userinfo(str(tokens["access_token"])).json
    plain = visitor.userinfo(str(visitor.redeem(visitor.code()).json["access_token"])).json
    assert said == plain
    assert said["sub"]


SIGNATURE = {"signature_missing", "digest", "signature"}
REFUSED: dict[str, tuple[Callable[[Visitor], Forgery], str]] = {
    "nobody signed it": (lambda v: encrypting(v, signed=()), "signature_missing"),
    "the assertion in it is signed, and the response is not": (
        lambda v: encrypting(v, signed=("assertion",)),
        "signature_missing",
    ),
    "the ciphertext was altered after signing": (
        lambda v: encrypting(v, octets=spliced(b"<xenc:CipherValue>", b"<xenc:CipherValue>AAAA")),
        "digest",
    ),
    "the ciphertext was altered before signing": (lambda v: encrypting(v, Encryption(flip=-1)), "decryption"),
    "it is to another key": (lambda _: Forgery(sealed=sealed(Encryption())), "decryption"),
    "CBC": (lambda v: encrypting(v, Encryption(content=f"{XENC}aes128-cbc")), "content_encryption"),
    "RSA 1.5": (lambda v: encrypting(v, Encryption(transport=f"{XENC}rsa-1_5")), "key_transport"),
    "another provider signed it": (lambda v: encrypting(v, by_latvia=True), "signature"),
    "the plaintext is for another audience": (
        lambda v: encrypting(v, text=swapped("/metadata</saml:Audience>", "/</saml:Audience>")),
        "audience",
    ),
}


@pytest.mark.spec("security.md §2.1 B")
@pytest.mark.parametrize("name", REFUSED)
def test_an_encrypted_answer_that_is_refused_is_told_as_any_other(
    visitor: Visitor, stage: Stage, logs: Lines, name: str
) -> None:
    forged, check = REFUSED[name]
    answer = back(visitor, stage, forged(visitor))
    assert (answer.status, answer.heading) == (403, NOT_ACCEPTED)
    (line,) = logs
    assert (line["check"], line["peer"], line["reference"]) == (check, "demo-ee", answer.reference)
    assert not [value for value in CANARIES if value in repr(line) or value in answer.text]
    # Who cannot sign for the provider learns that alone; nobody learns what was wrong with the encryption
    plain = Forgery(signed=()) if check in SIGNATURE else Forgery(text=swapped("/metadata</saml:Aud", "/</saml:Aud"))
    assert _words(answer) == _words(back(visitor, stage, plain)), "the browser learns no more than of a plain one"


def _words(answer: Answer) -> str:
    """The page's text, without its reference."""
    return " ".join(answer.found("string(//main)")[0].replace(answer.reference, "").split())


def test_without_the_file_nobody_is_asked_to_encrypt_and_nothing_that_is_encrypted_is_taken(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    made = encrypting(visitor)
    with stage.other_broker(tmp_path / "b", {f"keys/{SAML_ENCRYPTION}": None}) as visitor.port:
        assert published(visitor) == []
        assert published(visitor, "signing") == [stage.application.keys.saml.at(0).certificate]
        assert back(visitor, stage, made).heading == NOT_ACCEPTED
        assert logs[-1]["check"] == "encrypted_assertion"
        assert visitor.question().heading == "Share this with Resident parking?"
