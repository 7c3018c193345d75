"""Messages over SOAP, those of identity providers, and artifacts: what a browser does not carry, or carries the name of.

```xml
<s:Envelope> [<s:Header/>] <s:Body> `a message, as drafts.py makes it` </s:Body> </s:Envelope>
```
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha1
from secrets import token_bytes

from connectors.attacks.attack_case import AttackCase, Entrance, accepted, refused
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.messages.drafts import MessageBench, MessageDraft, draft, fresh
from connectors.attacks.messages.parties import (
    DESTINATIONS,
    SLO,
    SP,
    Judge,
    MessageDrafts,
    Parties,
    by_post,
    logout_request_judge,
    participants_keys,
)
from connectors.attacks.metadata_text import IDP, provider
from connectors.attacks.responses.assertion_sealing import b64
from connectors.attacks.responses.parties import registration
from connectors.attacks.xml_signer import ECDSA_SHA256, Signing, after, before, instead, swap
from connectors.connector import Inbound
from connectors.fetch import HttpAnswer
from connectors.formats.artifact import in_envelope
from connectors.logout_checks import ExpectedLogout, receive_logout_response
from connectors.profiles import SAML2INT
from connectors.saml_idp.resolution import judged_resolve
from connectors.saml_sp.artifact import resolution_address, resolved_message
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.algorithms import RSA_SHA256
from connectors.signatures.signer import NoSigner
from connectors.signed_messages import foreseen
from connectors.wire.names import SAMLP, SUCCESS
from policies.parties import EntityId

RESOLUTION = "https://broker.selftest.example/saml/artifact"
SOAP, ARTIFACTS, FETCHED = "message: soap envelope", "artifact: spelling and source", "artifact: what is fetched"
VALID = "valid messages over soap"
_BODY, _BODY_END = "<s:Body>", "</s:Body>"
# In an envelope a message has no octets of its own: nothing stands before or behind it, and its grammar is looked at first
_ENVELOPED = {
    "octets that are no utf-8": "",
    "another encoding declared": "processing_instruction",
    "two roots": "soap",
    "the signed one in an envelope": "root",
}
_READ_FIRST = {
    **_ENVELOPED,
    "signature at the end": "unknown_element",
    "signature in the issuer": "text",
    "of a shorter namespace": "missing_element",
    "the signed one in extensions": "extensions",
    "the signed one at the end, its signature in front": "unknown_element",
    "the signed one at the end, under the same id": "unknown_element",
    "its signature twice": "missing_element",
    "another kind, renamed": "unknown_attribute",
}
# It comes on our own line, to the one request that it names: it may be unsigned, and its Destination says nothing more
_ON_OUR_LINE = {
    **_READ_FIRST,
    **dict.fromkeys((f"destination {how}" for how in DESTINATIONS), ""),
    "unsigned, cve-2026-18569": "",
    "of a message before, with its id": "response_issued",
    "changed afterwards": "issuer",
}


def over_soap(name: str, judge: Judge) -> Entrance:
    """Messages on a connection between servers: what is no envelope yet is put into one."""

    def try_one(octets: bytes) -> None:
        envelope = octets if octets.startswith(b"<s:") else in_envelope(octets)
        judge(Inbound("soap", {}, envelope.decode("utf-8", "replace")))

    return Entrance(name, try_one, None)


def artifact(entity_id: str = IDP, index: int = 1, kind: int = 4, handle: bytes = bytes(20)) -> bytes:
    """The 44 octets of an artifact."""
    return kind.to_bytes(2) + index.to_bytes(2) + sha1(entity_id.encode(), usedforsecurity=False).digest() + handle


def soap_benches(parties: Parties) -> tuple[MessageBench, ...]:
    """Logout over SOAP, and by identity providers; both messages of a resolution."""
    made, now = MessageDrafts(parties), parties.now
    keys = participants_keys(parties)
    published = provider([parties.sp, parties.sp_next]).encode()
    theirs = SamlConnector(
        provider=replace(registration(IDP), metadata=published), entity_id=SP, acs_url=SP, signer=NoSigner()
    )
    on_our_line = ExpectedLogout(SP, SLO, parties.our_request, on_our_line=True)

    def of_provider(make: Callable[[], MessageDraft]) -> MessageDraft:
        return replace(make(), issuer=f"<saml:Issuer>{IDP}</saml:Issuer>")

    def resolve() -> MessageDraft:
        text = f"<samlp:Artifact>{b64(artifact(handle=now.to_bytes(20)))}</samlp:Artifact>"
        return draft("ArtifactResolve", SP, text, now, Destination=RESOLUTION)

    def resolved() -> MessageDraft:
        status = f'<samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        inside = f'{status}<samlp:Response xmlns:samlp="{SAMLP}" ID="{fresh()}"/>'
        return draft("ArtifactResponse", IDP, inside, now, InResponseTo=parties.our_request)

    def asked(inbound: Inbound) -> object:
        return judged_resolve(inbound.raw.encode(), {EntityId(SP): keys}, b"", RESOLUTION, now)

    @foreseen
    def fetched(inbound: Inbound) -> object:
        return resolved_message(HttpAnswer(200, None, inbound.raw.encode()), parties.our_request, IDP, keys, now)

    def ended(inbound: Inbound) -> object:
        return receive_logout_response(inbound, keys, on_our_line, now, SAML2INT)

    def ends(inbound: Inbound) -> object:
        return theirs.logged_out(inbound, SLO, now)

    request, answer = made.logout_request, made.logout_response
    bench = partial(_bench, parties)
    posted = by_post("logout-request of a provider", "SAMLRequest", ends, None, published)
    return (
        bench(over_soap("soap logout-request", logout_request_judge(parties)), request, answer, _ENVELOPED),
        bench(over_soap("soap logout-request of a provider", ends), partial(of_provider, request), answer, _ENVELOPED),
        replace(bench(posted, partial(of_provider, request), answer, {}), parameter="SAMLRequest"),
        bench(over_soap("soap logout-response", ended), answer, request, {**_ENVELOPED, "destination absent": ""}),
        bench(over_soap("soap artifact-resolve", asked), resolve, request, {**_READ_FIRST, "destination absent": ""}),
        bench(over_soap("soap artifact-response", fetched), resolved, request, _ON_OUR_LINE),
    )


def _bench(
    parties: Parties,
    entrance: Entrance,
    make: Callable[[], MessageDraft],
    other: Callable[[], MessageDraft],
    otherwise: Mapping[str, str],
) -> MessageBench:
    how = Signing(method=RSA_SHA256)
    keys: tuple[KeyHolder, KeyHolder] = parties.sp, parties.sp_next
    return MessageBench(
        entrance.name, entrance, "", *keys, how, make, parties.stranger, other, parties.now, otherwise=otherwise
    )


def soap_cases(bench: MessageBench) -> Iterator[AttackCase]:
    """An envelope with one message in it, and nothing that anybody would have to understand."""
    good = in_envelope(bench.signed()).decode()
    must = '<s:Header><x xmlns="urn:x" s:mustUnderstand="1"/></s:Header>'
    empty = f'<s:Body xmlns:x="urn:{fresh()}">{_BODY_END}'
    edits = {
        "a header that must be understood": ("soap", before(_BODY, must)),
        "a header behind the body": ("unknown_element", after(_BODY_END, "<s:Header/>")),
        "two bodies": ("unknown_element", after(_BODY_END, f"{_BODY}{_BODY_END}")),
        "two messages": ("soap", before(_BODY_END, "<x/>")),
        "no message": ("soap", instead("s:Body", lambda _: empty)),
        "a text in the body": ("soap", after(_BODY, "x")),
        "an attribute of the envelope": ("unknown_attribute", swap("<s:Envelope ", '<s:Envelope x="y" ')),
        "a fault": ("artifact_fault", instead("s:Body", lambda _: empty.replace("><", "><s:Fault/><"))),
        "of soap 1.2": (
            "soap",
            swap("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
        ),
        "an envelope in it": ("root", lambda text: in_envelope(text.encode()).decode()),
    }
    for what, (check, edit) in edits.items():
        yield bench.refused(SOAP, what, edit(good).encode(), check)
    yield bench.accepted(VALID, "plain", bench.signed())
    yield bench.accepted(VALID, "with an empty header", before(_BODY, "<s:Header/>")(good).encode())
    yield bench.accepted(
        VALID, "by the next key", bench.signed(how=replace(bench.how, holder=bench.following, method=ECDSA_SHA256))
    )


def artifact_cases() -> Iterator[AttackCase]:
    """An artifact of the provider that was asked, in its one spelling, of a resolution service of its metadata."""

    def judge(octets: bytes) -> None:
        resolution_address(octets.decode("utf-8", "replace"), IDP, {1: "https://idp.selftest.example/artifact"})

    at, good = Entrance("artifact", judge, None), b64(artifact(handle=token_bytes(20)))
    texts = {
        "of another provider": artifact("https://second.selftest.example/metadata", handle=token_bytes(20)),
        "of nobody": bytes([0, 4, 0, 1]) + token_bytes(40),
        "of type 1": artifact(kind=1, handle=token_bytes(20)),
        "an octet short": artifact(handle=token_bytes(19)),
        "an octet long": artifact(handle=token_bytes(21)),
    }
    spelled = {
        **{what: b64(octets) for what, octets in texts.items()},
        "with a blank": f"{good[:8]} {good[8:]}",
        "without padding": b64(artifact(handle=token_bytes(20))).rstrip("="),
        "in the alphabet of addresses": b64(artifact(handle=b"\xff" * 15 + token_bytes(5))).replace("/", "_"),
        "with an address behind": f"{good}https://attacker.example",
    }
    for what, text in spelled.items():
        yield refused(ARTIFACTS, what, at, text.encode(), "artifact")
    for index in (0, 2, 65535):
        text = b64(artifact(index=index, handle=token_bytes(20)))
        yield refused(ARTIFACTS, f"of index {index}", at, text.encode(), "artifact_index")
    yield accepted(VALID, "plain", at, good.encode())


def fetched_cases(bench: MessageBench) -> Iterator[AttackCase]:
    """An ArtifactResponse that is signed by the provider, and answers something else, or nothing."""
    make = bench.draft
    status, begin, rest = make().children.partition("<samlp:Response")

    def holding(inside: str) -> MessageDraft:
        return replace(make(), children=status + inside)

    rows = {
        "to another request": ("in_response_to", make().said(InResponseTo="_another")),
        "to no request": ("in_response_to", make().said(InResponseTo=None)),
        "a failure with a response": ("artifact_status", make().swapped("status:Success", "status:Requester")),
        "no response": ("artifact_unknown", holding("")),
        "two responses": ("unknown_element", holding((begin + rest) * 2)),
        "an assertion": ("unknown_element", holding("<saml:Assertion/>")),
        "a request": ("unknown_element", holding("<samlp:AuthnRequest/>")),
        "no status": ("missing_element", replace(make(), children=begin + rest)),
    }
    for what, (check, message) in rows.items():
        yield bench.refused(FETCHED, what, bench.signed(message), check)
    yield bench.accepted(VALID, "unsigned, on our own line", make().xml)
