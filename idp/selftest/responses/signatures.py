"""Signatures that cover less than they seem to: evil data in them, those of other messages, and none at all."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.formats.eidas.registry import RESPONDER
from connectors.formats.names import MD, SAML, SAMLP, SUCCESS, samlp
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS, SIGNATURE
from idp.selftest.case import Case
from idp.selftest.responses.answer import Answer, fresh
from idp.selftest.responses.making import Row, Setting, World, parsed, refused
from idp.selftest.responses.signing import Edit, How, serialised, sign, swap, swap_octets
from idp.selftest.responses.wrapping import another, assertion_of, element

EVIL, FOREIGN, EXCLUSION = "evil data in the signature", "foreign signature", "signature exclusion"
_END = "</ds:Signature>"
_DATA = '<evil xmlns="urn:selftest:evil">victim-of-the-selftest</evil>'


def evil_data(world: World) -> Iterator[Case]:
    """The enveloped transform drops the whole Signature: what stands in it, no signature covers."""
    settings = (*world.plain, world.encrypted, world.eidas)
    yield from refused(EVIL, settings, *_DROPPED)
    yield from refused(EVIL, world.plain, *_evil_assertion("one_assertion"))
    yield from refused(EVIL, (world.encrypted,), *_evil_assertion("structure"))
    yield from refused(EVIL, (world.eidas,), *_evil_assertion("plain_assertion"))
    row: Row = ("encrypted-assertion-in-an-object", "structure", _sealed_in_object)
    yield from refused(EVIL, (world.encrypted, world.eidas), row)
    yield from refused(EVIL, settings, *_DECOYS)
    yield from refused(EVIL, (world.response, world.encrypted), *_failure("structure"))
    yield from refused(EVIL, (world.eidas,), *_failure("plain_assertion"))


def foreign(world: World) -> Iterator[Case]:
    """A Signature that is genuine, and was made for something else."""
    settings = (world.response, world.encrypted, world.eidas)
    for name, message in _OTHERS.items():
        yield from refused(FOREIGN, settings, *_of_another(name, message))
    yield from refused(FOREIGN, (*world.plain, world.encrypted, world.eidas), *_OF_AN_OLDER)
    row: Row = ("of-the-assertion-at-the-response-cve-2024-8698", "reference", _moved_up)
    yield from refused(FOREIGN, (world.assertion,), row)
    yield from refused(FOREIGN, (world.response,), ("of-the-response-at-the-assertion", "reference", _moved_down))


def exclusion(world: World) -> Iterator[Case]:
    """No signature, or none that says anything, for whoever verifies only what he finds."""
    settings = (*world.plain, world.encrypted, world.eidas)
    unsigned: Row = ("no-signature-cve-2012-5353", "signature_missing", lambda setting: setting.unsigned())
    yield from refused(EXCLUSION, (*world.plain, world.eidas), unsigned)
    yield from refused(EXCLUSION, settings, *_emptied(), *_MOVED)
    yield from refused(EXCLUSION, (world.response, world.assertion, world.encrypted, world.eidas), *_RENAMED)
    without_use = world.entrances.without_use
    yield from refused(
        EXCLUSION,
        (world.response, world.assertion),
        ("key-without-use-and-no-signature-cve-2026-16443", "signature_missing", lambda setting: setting.unsigned()),
        ("key-without-use-and-a-stranger-cve-2026-28323", "signature", _by(world, "stranger")),
        entrance=without_use,
    )
    yield from refused(
        EXCLUSION,
        (world.response, world.assertion, world.encrypted),
        ("by-a-key-that-only-encrypts", "signature", _by(world, "second")),
    )
    by_stranger = How(method=world.both.how.method, holder=world.keys.stranger)
    yield from refused(
        EXCLUSION,
        (world.both,),
        ("inner-signature-by-a-stranger", "signature", lambda setting: setting.sent(how=by_stranger)),
        ("outer-signature-by-a-stranger", "signature", lambda setting: setting.outermost(by_stranger)),
        ("inner-signature-taken-out", "digest", _without_inner),
    )
    yield from refused(
        EXCLUSION,
        (world.response,),
        ("success-without-assertion-or-signature", "signature_missing", _bare(SUCCESS)),
        ("failure-without-signature", "status", _bare(RESPONDER)),
    )
    yield from refused(EXCLUSION, (world.eidas,), ("failure-without-signature", "signature_missing", _bare(RESPONDER)))


# -- evil data -------------------------------------------------------------------------------------------------------------


def finished(edit: Edit) -> Callable[[Setting], bytes]:
    """A good answer whose outermost Signature was edited afterwards."""
    return lambda setting: setting.outermost(replace(setting.how, finished=edit))


def _with(xml: str) -> Callable[[Setting], bytes]:
    return finished(swap(_END, f"{xml}{_END}"))


_DROPPED: tuple[Row, ...] = (
    ("object", "signature_shape", _with(f"<ds:Object>{_DATA}</ds:Object>")),
    ("manifest", "signature_shape", _with("<ds:Object><ds:Manifest/></ds:Object>")),
    ("foreign-element", "signature_shape", _with(_DATA)),
    ("text", "signature_shape", finished(swap("</ds:SignedInfo>", "</ds:SignedInfo>victim"))),
    ("text-at-the-end", "signature_shape", _with("victim")),
    ("second-signature-value", "signature_shape", _with("<ds:SignatureValue>AAAA</ds:SignatureValue>")),
    ("data-in-key-info", "key_info", _with(f"<ds:KeyInfo>{_DATA}</ds:KeyInfo>")),
    ("attribute", "signature_shape", finished(swap("<ds:Signature ", '<ds:Signature Type="victim" '))),
    ("signature-in-an-object", "signature_place", _with("<ds:Object><ds:Signature/></ds:Object>")),
    (
        "data-in-signature-value",
        "signature_value",
        finished(swap("</ds:SignatureValue>", f"{_DATA}</ds:SignatureValue>")),
    ),
)


def _evil_assertion(check: str) -> tuple[Row, ...]:
    def within(name: str) -> Callable[[Setting], bytes]:
        def make(setting: Setting) -> bytes:
            evil = another(setting).assertion()
            return _with(f"<ds:{name}>{evil}</ds:{name}>")(setting)

        return make

    return (
        ("assertion-in-an-object-oneuptime-2981", check, within("Object")),
        ("assertion-in-key-info", check, within("KeyInfo")),
        ("assertion-in-a-key-value", check, within("KeyValue")),
    )


def _sealed_in_object(setting: Setting) -> bytes:
    evil = setting.encryption_here.xml(another(setting).assertion().encode())
    return _with(f"<ds:Object>{evil}</ds:Object>")(setting)


def _decoy(place: int) -> Callable[[Setting], bytes]:
    """A second Signature that repeats the genuine SignatureValue."""

    def make(setting: Setting) -> bytes:
        root = setting.tree()
        signature = next(root.iter(SIGNATURE))
        parent = root if setting.at_response else assertion_of(root)
        decoy = copy.deepcopy(signature)
        next(decoy.iter(f"{{{DS}}}DigestValue")).text = "AAAA"
        parent.insert(place, decoy)
        return serialised(root)

    return make


_DECOYS: tuple[Row, ...] = (
    ("decoy-signature-behind-oneuptime-2981", "signature_count", _decoy(2)),
    ("decoy-signature-before", "signature_count", _decoy(1)),
)


def _failure(check: str) -> tuple[Row, ...]:
    """A signed failure, to which somebody adds an assertion: in its Signature, which covers itself not, or beside."""

    def inside(setting: Setting) -> bytes:
        evil = replace(another(setting), status=RESPONDER)
        how = replace(setting.how, finished=swap(_END, f"<ds:Object>{evil.assertion()}</ds:Object>{_END}"))
        return sign(evil.response("").encode(), evil.response_id, setting.key, how)

    def beside(setting: Setting) -> bytes:
        answer = replace(setting.good, status=RESPONDER)
        body = answer.assertion() if setting.encryption is None else setting.encryption.xml(answer.assertion().encode())
        return swap_octets("</samlp:Response>", f"{body}</samlp:Response>")(setting.around("", answer))

    return (
        ("assertion-in-the-signature-of-a-failure", check, inside),
        ("assertion-beside-a-signed-failure", "digest", beside),
    )


# -- foreign signatures ----------------------------------------------------------------------------------------------------


def _logout(answer: Answer, element_id: str) -> str:
    return _protocol("LogoutResponse", answer, element_id)


def _artifact(answer: Answer, element_id: str) -> str:
    return _protocol("ArtifactResponse", answer, element_id)


def _protocol(name: str, answer: Answer, element_id: str) -> str:
    return (
        f'<samlp:{name} xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{element_id}" Version="2.0"'
        f' IssueInstant="{answer.issued}" Destination="{answer.destination}" InResponseTo="{answer.in_response_to}">'
        f'<saml:Issuer>{answer.issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status>'
        f"</samlp:{name}>"
    )


def _metadata(answer: Answer, element_id: str) -> str:
    contact = '<md:ContactPerson contactType="support"/>'
    return (
        f'<md:EntityDescriptor xmlns:md="{MD}" ID="{element_id}" entityID="{answer.issuer}">{contact}</md:EntityDescriptor>'
    )


_OTHERS: dict[str, Callable[[Answer, str], str]] = {
    "logout-response-samlify-634": _logout,
    "artifact-response": _artifact,
    "metadata": _metadata,
}


def _of_another(name: str, message: Callable[[Answer, str], str]) -> tuple[Row, ...]:
    def signed(setting: Setting, element_id: str) -> bytes:
        place = 0 if message is _metadata else 1
        octets = message(setting.good, element_id).encode()
        return sign(octets, element_id, setting.key, replace(setting.how, place=place))

    def lent(*, same_id: bool) -> Callable[[Setting], bytes]:
        def make(setting: Setting) -> bytes:
            evil = another(setting)
            other = parsed(signed(setting, evil.response_id if same_id else fresh("m")))
            root = parsed(setting.unsigned(evil))
            root.insert(1, next(other.iter(SIGNATURE)))
            return serialised(root)

        return make

    def hidden(setting: Setting) -> bytes:
        root = parsed(setting.unsigned(another(setting)))
        root.insert(1, element(samlp("Extensions"), parsed(signed(setting, fresh("m")))))
        return serialised(root)

    def renamed(setting: Setting) -> bytes:
        root = parsed(signed(setting, fresh("m")))
        root.tag = samlp("Response")
        return serialised(root)

    return (
        (f"{name}-itself", "root", lambda setting: signed(setting, fresh("m"))),
        (f"of-{name}", "reference", lent(same_id=False)),
        (f"of-{name}-with-its-id", "digest", lent(same_id=True)),
        (f"{name}-in-extensions", "signature_place", hidden),
        # Its Signature is the first child, where a Response has its Issuer
        (f"{name}-renamed", "signature_place" if message is _metadata else "digest", renamed),
    )


def _older(*, same_id: bool) -> Callable[[Setting], bytes]:
    """The Signature of an answer that the party gave before."""

    def make(setting: Setting) -> bytes:
        now, before = another(setting), setting.good
        if same_id:
            now = replace(now, response_id=before.response_id, assertion_id=before.assertion_id)
        root, old = setting.tree(now), setting.tree(before)
        signature, theirs = next(root.iter(SIGNATURE)), next(old.iter(SIGNATURE))
        parent: Element = root if setting.at_response else assertion_of(root)
        parent.replace(signature, theirs)
        return serialised(root)

    return make


_OF_AN_OLDER: tuple[Row, ...] = (
    ("of-an-older-answer", "reference", _older(same_id=False)),
    ("of-an-older-answer-with-its-ids", "digest", _older(same_id=True)),
)


def _moved_up(setting: Setting) -> bytes:
    root = setting.tree()
    root.insert(1, assertion_of(root)[1])
    return serialised(root)


def _moved_down(setting: Setting) -> bytes:
    root = setting.tree()
    assertion_of(root).insert(1, root[1])
    return serialised(root)


# -- exclusion -------------------------------------------------------------------------------------------------------------


def _emptied() -> tuple[Row, ...]:
    def cut(begin: str, end: str) -> Edit:
        """Without what stands from `begin` to `end`, both included."""

        def edit(text: str) -> str:
            return text[: text.index(begin)] + text[text.index(end) + len(end) :]

        return edit

    def hollow(text: str) -> str:
        return text[: text.index(">") + 1] + _END

    value_begin, value_end = "<ds:SignatureValue>", "</ds:SignatureValue>"
    return (
        ("empty-signature", "signature_shape", finished(hollow)),
        ("no-signed-info", "signature_shape", finished(cut("<ds:SignedInfo>", "</ds:SignedInfo>"))),
        ("no-signature-value", "signature_shape", finished(cut(value_begin, value_end))),
        (
            "empty-signature-value",
            "signature_value",
            finished(lambda text: cut(value_begin, value_end)(text).replace(_END, f"<ds:SignatureValue/>{_END}")),
        ),
    )


def _named(namespace: str) -> Callable[[Setting], bytes]:
    return finished(swap(f'xmlns:ds="{DS}"', f'xmlns:ds="{namespace}"'))


_RENAMED: tuple[Row, ...] = (
    ("signature-without-the-hash-sign-of-its-namespace", "signature_missing", _named(DS.rstrip("#"))),
    ("signature-of-an-https-namespace", "signature_missing", _named(DS.replace("http:", "https:"))),
)


def _at(place: Callable[[Element], tuple[Element, int]]) -> Callable[[Setting], bytes]:
    def make(setting: Setting) -> bytes:
        root = setting.tree()
        parent = root if setting.at_response else assertion_of(root)
        signature = parent[1]
        where, number = place(parent)
        where.insert(number, signature)
        return serialised(root)

    return make


_MOVED: tuple[Row, ...] = (
    ("signature-at-the-end", "signature_place", _at(lambda parent: (parent, len(parent)))),
    ("signature-before-the-issuer", "signature_place", _at(lambda parent: (parent, 0))),
    ("signature-in-the-issuer", "signature_place", _at(lambda parent: (parent[0], 0))),
)


def _by(world: World, who: str) -> Callable[[Setting], bytes]:
    holder = world.keys.stranger if who == "stranger" else world.keys.second
    return lambda setting: setting.sent(how=replace(setting.how, holder=holder))


def _without_inner(setting: Setting) -> bytes:
    root = setting.tree()
    assertion = assertion_of(root)
    assertion.remove(assertion[1])
    return serialised(root)


def _bare(status: str) -> Callable[[Setting], bytes]:
    return lambda setting: replace(setting.good, status=status).response("").encode()
