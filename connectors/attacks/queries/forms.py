"""Requests by POST-SimpleSign: a form whose signature stands in a field, over the XML itself and the fields beside it.

SAMLRequest=<XML as it is>&RelayState=value&SigAlg=value
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from connectors.attacks.attack_case import AttackCase, CaseBench, CaseKind, Entrance
from connectors.attacks.messages.drafts import MessageBench
from connectors.attacks.messages.parties import SP, SSO, Parties, participants_keys
from connectors.attacks.messages.signatures import differing
from connectors.attacks.queries.query_benches import Sign, packed, signer
from connectors.attacks.queries.signatures import of_any_algorithm, of_any_value
from connectors.attacks.queries.texts import new_state
from connectors.attacks.responses.algorithms import certificates
from connectors.attacks.responses.assertion_sealing import b64
from connectors.attacks.xml_signer import ECDSA_SHA256, in_lines
from connectors.authn_request_checks import judge_authn_request
from connectors.connector import Inbound
from connectors.formats.authn_request import read_authn_request
from connectors.formats.grammar import written
from connectors.formats.service_provider import read_service_provider
from connectors.node_request import verified_request
from connectors.profiles import SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from policies.parties import EntityId

VALID = "valid forms with a signature beside"
Fields = Mapping[str, str]
_SENT, _STATE, _HOW = "SAMLRequest", "RelayState", "SigAlg"


@dataclass(frozen=True, slots=True)
class FormBench(CaseBench):
    """Where such forms are judged. Octets are their fields, as JSON."""

    kind = CaseKind.REDIRECT
    message: MessageBench

    def form(
        self, xml: bytes | None = None, state: str | None = "state", sign: Sign | None = None, how: str = RSA_SHA256
    ) -> dict[str, str]:
        """A form that is signed as it is sent; None leaves RelayState out."""
        octets = self.message.draft().xml if xml is None else xml
        fields = {_SENT: b64(octets), **({} if state is None else {_STATE: state}), _HOW: how}
        return fields | {"Signature": b64((sign or signer(self.message.holder, RSA_SHA256))(covered(fields)))}

    def made(self, sign: Sign | None = None, how: str = "") -> bytes:
        """A good form with a signature that is made in another way, or called so."""
        return json.dumps(self.form(sign=sign, how=how or RSA_SHA256)).encode()

    def over(self, text: Callable[[Fields], bytes]) -> dict[str, str]:
        """A good form with a genuine signature over another text of it."""
        fields = self.form()
        return fields | {"Signature": b64(signer(self.message.holder, RSA_SHA256)(text(fields)))}


def covered(fields: Fields, *names: str) -> bytes:
    """The text that a signature covers: of these fields in this order, or of those that it should."""
    values = {**fields, _SENT: base64.b64decode(fields[_SENT]).decode("utf-8", "surrogateescape")}
    pieces = [f"{name}={values[name]}" for name in names or (_SENT, _STATE, _HOW) if name in values]
    return "&".join(pieces).encode("utf-8", "surrogateescape")


def form_bench(parties: Parties, message: MessageBench) -> FormBench:
    """A service's requests, found by Issuer and key as the server finds them."""
    keys, party = {EntityId(SP): participants_keys(parties)}, read_service_provider(parties.sp_metadata)

    def judge(octets: bytes) -> None:
        try:
            fields = {str(name): str(value) for name, value in dict(json.loads(octets)).items()}
        except (ValueError, TypeError):
            fields = {}
        signed, _, _, _ = verified_request(Inbound("post", fields), keys, SAML2INT, simple=True)
        judge_authn_request(read_authn_request(signed), party, SSO, parties.now, SAML2INT)

    return FormBench("simple-sign", Entrance("form signed beside", judge, None), message)


def form_cases(bench: FormBench) -> Iterator[AttackCase]:
    """Refused and accepted ones."""
    families = {"order": _order, "fields": _fields, "signature": _signatures, "message": _messages}
    for family, rows in families.items():
        for what, fields, check in rows(bench):
            yield bench.refused(f"form: {family}", what, json.dumps(fields).encode(), check)
    yield from bench.refused_rows({"form: algorithm": of_any_algorithm(bench), "form: signature": of_any_value(bench)})
    good, strange = bench.form(), certificates(bench.message.strange)
    lines = {"Signature": in_lines(76)(good["Signature"]), _SENT: in_lines(76)(good[_SENT])}
    valid: Mapping[str, Fields] = {
        "plain": good,
        "without relay state": bench.form(state=None),
        "with an empty relay state": bench.form(state=""),
        "with a relay state of signs that queries escape": bench.form(state="a=b&c+d %20 Zürich"),
        "in lines": {**bench.form(), **lines, _HOW: good[_HOW]},
        "with a hint at a stranger's key": {**bench.form(), "KeyInfo": b64(f"<ds:KeyInfo>{strange}</ds:KeyInfo>".encode())},
        "by the next key of a rollover": bench.form(sign=signer(bench.message.following, ECDSA_SHA256), how=ECDSA_SHA256),
    }
    yield from bench.all_accepted(VALID, {what: json.dumps(fields).encode() for what, fields in valid.items()})


FormRow = tuple[str, Fields, str]


def _order(bench: FormBench) -> Iterator[FormRow]:
    """The text is that of the standard, whatever the order of the fields; no escapes, and not the base64 of the message."""
    texts: Mapping[str, Callable[[Fields], bytes]] = {
        "relay state first": lambda form: covered(form, _STATE, _SENT, _HOW),
        "algorithm before relay state": lambda form: covered(form, _SENT, _HOW, _STATE),
        "without relay state": lambda form: covered(form, _SENT, _HOW),
        "without the algorithm": lambda form: covered(form, _SENT, _STATE),
        "without the message": lambda form: covered(form, _STATE, _HOW),
        "of the base64 of the message": lambda form: "&".join(
            f"{name}={form[name]}" for name in (_SENT, _STATE, _HOW)
        ).encode(),
        "as a query, escaped": lambda form: "&".join(
            f"{name}={quote(form[name], safe='')}" for name in (_SENT, _STATE, _HOW)
        ).encode(),
        "as a query, packed": lambda form: f"{_SENT}={quote(packed(base64.b64decode(form[_SENT])), safe='')}".encode(),
        "with an ampersand at its end": lambda form: covered(form) + b"&",
    }
    yield from ((f"signed {what}", bench.over(text), "signature") for what, text in texts.items())
    states = {"present": "state", "empty": "", "absent": None}
    for one, signed_as in states.items():
        for other, sent_as in states.items():
            if one != other:
                form = {name: value for name, value in bench.form(state=signed_as).items() if name != _STATE}
                form |= {} if sent_as is None else {_STATE: sent_as}
                yield f"relay state signed {one} and sent {other}", form, "signature"
    yield "relay state of another", {**bench.form(), _STATE: new_state()}, "signature"
    # One text of two forms: the border between fields moves
    moved = bench.form(state="x&SigAlg=y")
    yield "a field inside of another", {**moved, _STATE: "x"}, "signature"


def _fields(bench: FormBench) -> Iterator[FormRow]:
    form = bench.form()
    yield "a response beside", {**form, "SAMLResponse": form[_SENT]}, "parameters"
    yield "a response in place", {"SAMLResponse" if name == _SENT else name: form[name] for name in form}, "parameters"
    yield "an artifact beside", {**form, "SAMLart": "AAQAAA"}, "parameters"
    yield "a name that nobody knows", {**form, "next": "https://attacker.example"}, "parameters"
    yield "an encoding", {**form, "SAMLEncoding": ""}, "parameters"
    yield "no message", {name: form[name] for name in form if name != _SENT}, "parameters"
    yield "no algorithm", {name: form[name] for name in form if name != _HOW}, "signature_missing"
    yield "no signature", {name: form[name] for name in form if name != "Signature"}, "parameters"
    yield "neither signature nor algorithm", {_SENT: form[_SENT]}, "signature_missing"
    yield "message with a blank", {**form, _SENT: f"{form[_SENT][:8]} {form[_SENT][8:]}"}, "base64"


def _signatures(bench: FormBench) -> Iterator[FormRow]:
    """Another's with its key, and values that are none."""
    strange = bench.form(sign=signer(bench.message.strange, RSA_SHA256))
    hint = {"KeyInfo": b64(f"<ds:KeyInfo>{certificates(bench.message.strange)}</ds:KeyInfo>".encode())}
    yield "of a stranger, whose key comes along", {**strange, **hint}, "signature"
    yield "algorithm exchanged after signing", {**bench.form(), _HOW: f"{RSA_SHA256[:-3]}512"}, "signature"
    for what, value in {"empty": "", "that is no base64": "!", "with padding too much": "AAAA="}.items():
        yield f"value {what}", {**bench.form(), "Signature": value}, "signature_value"
    yield "of a form before", {**bench.form(), "Signature": bench.form()["Signature"]}, "signature"
    yield "message changed afterwards", {**bench.form(), _SENT: bench.form()[_SENT]}, "signature"


def _messages(bench: FormBench) -> Iterator[FormRow]:
    """The message inside is judged as any other: one tree, the octets that are read, the same meaning."""
    make, good = bench.message.draft, bench.message.draft().xml
    for what, (xml, check) in differing(good).items():
        yield what, bench.form(xml), check
    signed = bench.message.signed()
    yield "a signature in it too", bench.form(signed), "signature_place"
    yield (
        "a signature in it alone, in a field beside an empty one",
        {**bench.form(signed), "Signature": ""},
        "signature_value",
    )
    twice = good.replace(b"</saml:Issuer>", b'</saml:Issuer><x xmlns="urn:x" Id="%s"/>' % _id_of(good), 1)
    yield "an id twice", bench.form(twice), "duplicate_id"
    yield "larger than 256 kib", bench.form(good + b" " * (256 * 1024)), "size"
    yield "another issuer", bench.form(good.replace(b"<saml:Issuer>https://", b"<saml:Issuer>https://evil.", 1)), "issuer"
    yield "another address", bench.form(make().said(Destination="https://attacker.example/").xml), "destination"
    yield "too old", bench.form(make().said(IssueInstant=written(bench.message.now - 3600)).xml), "request_issued"
    yield "of the future", bench.form(make().said(IssueInstant=written(bench.message.now + 600)).xml), "request_issued"
    evil = make().said(AssertionConsumerServiceURL="https://attacker.example/acs").xml
    yield "an answer to another address, samlify 634", bench.form(evil), "acs_url"
    yield "another kind of message, samlify 634", bench.form(bench.message.other().xml), "root"


def _id_of(xml: bytes) -> bytes:
    return xml.partition(b' ID="')[2].partition(b'"')[0]
