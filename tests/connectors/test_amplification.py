"""Exclusive C14N repeats a namespace's name at each element that uses it: a small message must not become a large one."""

import resource
import threading
from collections.abc import Sequence

import pytest

from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element, canonical, parse_message
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.profile import EXC_C14N
from connectors.signatures.shapes import RESPONSE as RESPONSE_SHAPE
from connectors.signatures.xmldsig import verify
from policies.errors import AssertionRejected
from tests.connectors.forge import Reply, party, rsa_key, signed_reply

RESPONSE = "urn:oasis:names:tc:SAML:2.0:protocol"


def _message(name: str, elements: int) -> bytes:
    inside = "<a:b/>" * elements
    return f'<p:Response xmlns:p="{RESPONSE}" xmlns:a="{name}">{inside}</p:Response>'.encode()


@pytest.mark.spec("security.md §2.0 rule 4")
def test_a_namespace_whose_name_is_long_is_refused_before_it_is_repeated() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AssertionRejected) as refused:
        parse_message(_message("urn:" + "x" * 160_000, 4000))
    assert refused.value.check == "namespace"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000, "in KiB"


def test_what_passes_grows_by_no_more_than_the_longest_name() -> None:
    longest = "urn:" + "x" * 127
    root = parse_message(_message(longest, 4000))
    assert len(canonical(root)) < 4000 * 180
    with pytest.raises(AssertionRejected):
        parse_message(_message(longest + "x" * 10, 1))


@pytest.mark.spec("security.md §2.1 A")
def test_a_large_signed_info_is_refused_before_it_is_canonicalised(monkeypatch: pytest.MonkeyPatch) -> None:
    # Anybody can send one: prefixes times elements times namespaces were seconds of work before any key was used
    key = party(rsa_key(0))
    reply = signed_reply(Reply(), key).decode()
    listed = " ".join(f"n{number}" for number in range(16))
    inclusive = f'<c:InclusiveNamespaces xmlns:c="{EXC_C14N}" PrefixList="{listed}"/>'
    method = f'<ds:CanonicalizationMethod Algorithm="{EXC_C14N}"'
    large = reply.replace(f"{method}/>", f"{method}>{inclusive}{'<ds:a/>' * 4000}</ds:CanonicalizationMethod>", 1)
    assert large != reply
    keys = [key_of_certificate(key.certificate, SAML2INT)]
    # Another file's thread may verify something at the same time, and its own messages are none of ours
    here = threading.get_ident()

    def elsewhere(element: Element, prefixes: Sequence[str] = ()) -> bytes:
        assert threading.get_ident() != here, "it was canonicalised"
        return canonical(element, prefixes)

    monkeypatch.setattr("connectors.signatures.xmldsig.canonical", elsewhere)
    with pytest.raises(AssertionRejected) as refused:
        verify(large.encode(), keys, RESPONSE_SHAPE, SAML2INT)
    assert refused.value.check == "signed_info"
