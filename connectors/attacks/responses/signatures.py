"""Signatures that cover less than they seem to: evil data in them, those of other messages, and none at all."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.recipes import ShapeMake, ShapeTable, finished, outermost, signed
from connectors.attacks.responses.response_draft import ResponseDraft, fresh
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, parsed, refused
from connectors.attacks.responses.wrapping import another, assertion_of, element
from connectors.attacks.xml_signer import before, serialised, sign, swap, swap_octets, value, without
from connectors.formats.eidas.registry import RESPONDER
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, SIGNATURE
from connectors.wire.names import MD, SAML, SAMLP, SUCCESS, samlp

EVIL, FOREIGN, EXCLUSION = "evil data in the signature", "foreign signature", "signature exclusion"
_END = "</ds:Signature>"
_DATA = '<evil xmlns="urn:selftest:evil">victim-of-the-selftest</evil>'


def evil_data(world: ResponseWorld) -> Iterator[AttackCase]:
    """The enveloped transform drops the whole Signature: what stands in it, no signature covers."""
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from refused(EVIL, settings, DROPPED)
    yield from refused(EVIL, world.plain, {"one_assertion": _EVIL_ASSERTIONS})
    yield from refused(EVIL, (world.encrypted,), {"structure": _EVIL_ASSERTIONS})
    yield from refused(EVIL, (world.eidas,), {"plain_assertion": _EVIL_ASSERTIONS})
    sealed_in_object = {"encrypted-assertion-in-an-object": _sealed_in_object}
    yield from refused(EVIL, (world.encrypted, world.eidas), {"structure": sealed_in_object})
    yield from refused(EVIL, settings, _DECOYS)
    # A signed failure, to which somebody adds an assertion: in its Signature, which covers itself not, or beside
    inside = {"assertion-in-the-signature-of-a-failure": _in_a_failure}
    beside: Table = {"digest": {"assertion-beside-a-signed-failure": _beside_a_failure}}
    yield from refused(EVIL, (world.response, world.encrypted), {"structure": inside}, beside)
    yield from refused(EVIL, (world.eidas,), {"plain_assertion": inside}, beside)


def foreign(world: ResponseWorld) -> Iterator[AttackCase]:
    """A Signature that is genuine, and was made for something else."""
    for name, message in (("logout-response-samlify-634", _logout_response), ("metadata", _metadata)):
        yield from refused(FOREIGN, (world.response, world.encrypted, world.eidas), _of_another(name, message))
    yield from refused(FOREIGN, (*world.plain, world.encrypted, world.eidas), _OF_AN_OLDER)
    up: Table = {"reference": {"of-the-assertion-at-the-response-cve-2024-8698": _moved(up=True)}}
    yield from refused(FOREIGN, (world.assertion,), up)
    yield from refused(FOREIGN, (world.response,), {"reference": {"of-the-response-at-the-assertion": _moved(up=False)}})


def exclusion(world: ResponseWorld) -> Iterator[AttackCase]:
    """No signature, or none that says anything, for whoever verifies only what he finds."""
    two, keys = (world.response, world.assertion), world.keys
    unsigned: Table = {"signature_missing": {"no-signature-cve-2012-5353": Setting.unsigned}}
    yield from refused(EXCLUSION, (*world.plain, world.eidas), unsigned)
    yield from refused(EXCLUSION, (*world.plain, world.encrypted, world.eidas), EMPTIED, {"signature_place": _MOVED})
    renamed = finished(swap(f'xmlns:ds="{DS}"', f'xmlns:ds="{DS.rstrip("#")}"'))
    yield from refused(
        EXCLUSION,
        (*two, world.encrypted, world.eidas),
        {"signature_missing": {"signature-of-a-shorter-namespace": renamed}},
    )
    without_use: Table = {
        "signature_missing": {"key-without-use-and-no-signature-cve-2026-16443": Setting.unsigned},
        "signature": {"key-without-use-and-a-stranger-cve-2026-28323": signed(holder=keys.stranger)},
    }
    yield from refused(EXCLUSION, two, without_use, entrance=world.entrances["without use"])
    encrypts: Table = {"signature": {"by-a-key-that-only-encrypts": signed(holder=keys.second)}}
    yield from refused(EXCLUSION, (*two, world.encrypted), encrypts)
    one_of_two: Table = {
        "signature": {
            "inner-signature-by-a-stranger": signed(holder=keys.stranger),
            "outer-signature-by-a-stranger": outermost(holder=keys.stranger),
        },
        "digest": {"inner-signature-taken-out": _without_inner},
    }
    yield from refused(EXCLUSION, (world.both,), one_of_two)
    failure = {"failure-without-signature": _bare(RESPONDER)}
    bare: Table = {"signature_missing": {"success-without-assertion-or-signature": _bare(SUCCESS)}, "status": failure}
    yield from refused(EXCLUSION, (world.response,), bare)
    yield from refused(EXCLUSION, (world.eidas,), {"signature_missing": failure})


def _with(xml: str) -> ShapeMake:
    return finished(before(_END, xml))


DROPPED: ShapeTable = {
    "signature_shape": {
        "object": _with(f"<ds:Object>{_DATA}</ds:Object>"),
        "foreign-element": _with(_DATA),
        "text": finished(swap("</ds:SignedInfo>", "</ds:SignedInfo>victim")),
        "attribute": finished(swap("<ds:Signature ", '<ds:Signature Type="victim" ')),
    },
    "key_info": {"data-in-key-info": _with(f"<ds:KeyInfo>{_DATA}</ds:KeyInfo>")},
    "signature_place": {"signature-in-an-object": _with("<ds:Object><ds:Signature/></ds:Object>")},
    "signature_value": {"data-in-signature-value": finished(before("</ds:SignatureValue>", _DATA))},
}


def _evil_in(name: str) -> Make:
    return lambda setting: _with(f"<ds:{name}>{another(setting).assertion()}</ds:{name}>")(setting)


_EVIL_ASSERTIONS: Makes = {
    "assertion-in-an-object-oneuptime-2981": _evil_in("Object"),
    "assertion-in-key-info": _evil_in("KeyInfo"),
}


def _sealed_in_object(setting: Setting) -> bytes:
    evil = setting.encryption_here.xml(another(setting).assertion().encode())
    return _with(f"<ds:Object>{evil}</ds:Object>")(setting)


def _signed_in(setting: Setting, root: Element) -> Element:
    """The element that holds the outermost Signature."""
    return root if setting.at_response else assertion_of(root)


def _decoy(place: int) -> Make:
    """A second Signature that repeats the genuine SignatureValue."""

    def make(setting: Setting) -> bytes:
        root = setting.tree()
        decoy = copy.deepcopy(next(root.iter(SIGNATURE)))
        next(decoy.iter(f"{{{DS}}}DigestValue")).text = "AAAA"
        _signed_in(setting, root).insert(place, decoy)
        return serialised(root)

    return make


_DECOYS: Table = {
    "signature_count": {"decoy-signature-behind-oneuptime-2981": _decoy(2), "decoy-signature-before": _decoy(1)}
}


def _in_a_failure(setting: Setting) -> bytes:
    evil = replace(another(setting), status=RESPONDER)
    how = replace(setting.how, finished=before(_END, f"<ds:Object>{evil.assertion()}</ds:Object>"))
    return sign(evil.response("").encode(), evil.response_id, setting.key, how)


def _beside_a_failure(setting: Setting) -> bytes:
    answer = replace(setting.good, status=RESPONDER)
    body = answer.assertion() if setting.encryption is None else setting.encryption.xml(answer.assertion().encode())
    return swap_octets("</samlp:Response>", f"{body}</samlp:Response>")(setting.around("", answer))


def _logout_response(answer: ResponseDraft, element_id: str) -> str:
    return (
        f'<samlp:LogoutResponse xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{element_id}" Version="2.0"'
        f' IssueInstant="{answer.issued}" Destination="{answer.destination}" InResponseTo="{answer.in_response_to}">'
        f'<saml:Issuer>{answer.issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        "</samlp:LogoutResponse>"
    )


def _metadata(answer: ResponseDraft, element_id: str) -> str:
    """Metadata, whose Signature is the first child, where a Response has its Issuer."""
    head = f'<md:EntityDescriptor xmlns:md="{MD}" ID="{element_id}" entityID="{answer.issuer}">'
    return f'{head}<md:ContactPerson contactType="support"/></md:EntityDescriptor>'


def _of_another(name: str, message: Callable[[ResponseDraft, str], str]) -> Table:
    def another_signed(setting: Setting, element_id: str = "") -> bytes:
        place, own = 0 if message is _metadata else 1, element_id or fresh("m")
        return sign(message(setting.good, own).encode(), own, setting.key, replace(setting.how, place=place))

    def lent(*, same_id: bool) -> Make:
        def make(setting: Setting) -> bytes:
            evil = another(setting)
            other = parsed(another_signed(setting, evil.response_id if same_id else ""))
            root = parsed(setting.unsigned(evil))
            root.insert(1, next(other.iter(SIGNATURE)))
            return serialised(root)

        return make

    def hidden(setting: Setting) -> bytes:
        root = parsed(setting.unsigned(another(setting)))
        root.insert(1, element(samlp("Extensions"), parsed(another_signed(setting))))
        return serialised(root)

    def renamed(setting: Setting) -> bytes:
        root = parsed(another_signed(setting))
        root.tag = samlp("Response")
        return serialised(root)

    return {
        "root": {f"{name}-itself": another_signed},
        "reference": {f"of-{name}": lent(same_id=False)},
        "digest": {f"of-{name}-with-its-id": lent(same_id=True)},
        "signature_place": {f"{name}-in-extensions": hidden}
        | ({f"{name}-renamed": renamed} if message is _metadata else {}),
    }


def _older(*, same_id: bool) -> Make:
    """The Signature of an answer that the party gave before."""

    def make(setting: Setting) -> bytes:
        now, earlier = another(setting), setting.good
        if same_id:
            now = replace(now, response_id=earlier.response_id, assertion_id=earlier.assertion_id)
        root, old = setting.tree(now), setting.tree(earlier)
        _signed_in(setting, root).replace(next(root.iter(SIGNATURE)), next(old.iter(SIGNATURE)))
        return serialised(root)

    return make


_OF_AN_OLDER: Table = {
    "reference": {"of-an-older-answer": _older(same_id=False)},
    "digest": {"of-an-older-answer-with-its-ids": _older(same_id=True)},
}


def _moved(*, up: bool) -> Make:
    """The one Signature, at the Response in place of the assertion, or the other way round."""

    def make(setting: Setting) -> bytes:
        root = setting.tree()
        assertion = assertion_of(root)
        (root if up else assertion).insert(1, (assertion if up else root)[1])
        return serialised(root)

    return make


EMPTIED: ShapeTable = {
    "signature_shape": {
        "empty-signature": finished(lambda text: text[: text.index(">") + 1] + _END),
        "no-signature-value": finished(without("ds:SignatureValue")),
    },
    "signature_value": {"empty-signature-value": finished(value("ds:SignatureValue", lambda _: ""))},
}


def _appended(*, to_issuer: bool) -> Make:
    def make(setting: Setting) -> bytes:
        root = setting.tree()
        parent = _signed_in(setting, root)
        (parent[0] if to_issuer else parent).append(parent[1])
        return serialised(root)

    return make


_MOVED: Makes = {"signature-at-the-end": _appended(to_issuer=False), "signature-in-the-issuer": _appended(to_issuer=True)}


def _without_inner(setting: Setting) -> bytes:
    root = setting.tree()
    assertion = assertion_of(root)
    assertion.remove(assertion[1])
    return serialised(root)


def _bare(status: str) -> Make:
    return lambda setting: replace(setting.good, status=status).response("").encode()
