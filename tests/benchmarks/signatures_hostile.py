"""What hostile messages cost: each is judged by a connector in a process of its own, which tells its time and its memory.

They are as large as a POST parameter may be, or as what is refused at sight, and are made to find what grows faster than
they do. Some are signed by the pinned key: an identity provider may be hostile too.
`python -m tests.benchmarks.signatures_hostile` prints one JSON object, of name to milliseconds and MB.
"""

import base64
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from connectors.connector import Inbound
from connectors.saml import SamlConnector
from connectors.signatures.parse import MAX_PARAMETER
from policies.errors import AssertionRejected
from tests.benchmarks.signatures_made import World, expectation, in_utf8, posted
from tests.connectors import forge
from tests.connectors.forge import DS, SAML, SAMLP

# What base64 leaves of a parameter
MOST = MAX_PARAMETER // 4 * 3
TRIES = 3
ROOT = Path(__file__).parents[2]
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one message cost."""

    ms: float
    mb: float


def _response(inside: str, declared: str = "") -> bytes:
    head = f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" xmlns:ds="{DS}" {declared} ID="_r" Version="2.0">'
    return f"{head}<saml:Issuer>{forge.IDP}</saml:Issuer>{inside}</samlp:Response>".encode()


def _filled(piece: Callable[[int], str], declared: str = "", before: str = "", after: str = "", most: int = 4900) -> bytes:
    """As many pieces as a message may have octets and elements."""
    pieces, room = [], MOST - len(_response(before + after, declared))
    for number in range(most):
        pieces.append(piece(number))
        room -= len(pieces[-1])
        if room < 0:
            pieces.pop()
            break
    return _response(before + "".join(pieces) + after, declared)


def _signature(info: str, value: str = "AAAA", key_info: str = "") -> str:
    said = f"<ds:SignedInfo>{info}</ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue>"
    return f"<ds:Signature>{said}{key_info}</ds:Signature>"


def _info(transforms: str, digest_value: str = "AAAA", references: int = 1) -> str:
    reference = (
        f'<ds:Reference URI="#_r"><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{digest_value}</ds:DigestValue>'
        "</ds:Reference>"
    )
    return (
        f'<ds:CanonicalizationMethod Algorithm="{EXC}"/>'
        f'<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>{reference * references}'
    )


def _numbered(count: int) -> str:
    """So many declarations of namespaces."""
    return " ".join(f'xmlns:p{n}="urn:p{n}"' for n in range(count))


def _prefixed(count: int) -> str:
    """A CanonicalizationMethod that lists so many prefixes."""
    listed = " ".join(f"p{n}" for n in range(count))
    inside = f'<e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="{listed}"/>'
    return f'<ds:CanonicalizationMethod Algorithm="{EXC}">{inside}</ds:CanonicalizationMethod>'


def _unsigned() -> dict[str, bytes]:
    """What anybody can send."""
    fit = f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{EXC}"/>'
    long_name = "urn:" + "x" * 250
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    many = _numbered(2500)
    half = MOST // 2
    levels = [" ".join(f'xmlns:p{n}_{m}="urn:{n}:{m}"' for m in range(60)) for n in range(55)]
    nested = "".join(f"<a{n} {declared}>" for n, declared in enumerate(levels))
    nested_end = "".join(f"</a{n}>" for n in reversed(range(55)))
    return {
        "namespaces declared at the root": _filled(lambda n: f"<p{n % 2500}:a p{n * 7 % 2500}:b=''/>", many),
        "namespaces declared at each level": _response(
            nested + "".join(f"<p{n % 55}_{n % 60}:a/>" for n in range(1500)) + nested_end
        ),
        "a namespace declared at each element": _filled(lambda n: f'<q:a xmlns:q="urn:{n}"/>'),
        "long names of namespaces": _filled(lambda _: "<q:a/>", f'xmlns:q="{long_name}"'),
        "long prefixes": _filled(lambda _: f"<{'q' * 60}:a/>", f'xmlns:{"q" * 60}="{long_name}"', most=2500),
        "the word xmlns": _filled(lambda _: "xmlns ", most=40_000),
        "attributes of elements": _filled(lambda n: "<a " + " ".join(f"b{n}_{m}=''" for m in range(30)) + "/>"),
        "attributes of one element": _response("<a " + " ".join(f"b{n}=''" for n in range(15_000)) + "/>"),
        "identifiers": _filled(lambda n: f'<a ID="a{n}" Id="b{n}" id="c{n}"/>'),
        "one identifier": _filled(lambda _: '<a ID="a" Id="a" id="a"/>'),
        "elements": _filled(lambda _: "<a/>", most=40_000),
        "texts and elements": _filled(lambda _: "x<a/>"),
        "depth of 60": _response("<a>" * 60 + "x" * half + "</a>" * 60),
        "depth of 10,000": _response("<a>" * 10_000 + "</a>" * 10_000),
        "references": _response(_signature(_info(fit, references=400))),
        "transforms": _response(_signature(_info(fit + f'<ds:Transform Algorithm="{EXC}"/>' * 2000))),
        "prefixes to include": _response(
            _signature(
                _info(
                    f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="{EXC}">'
                    f'<e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="{"q " * (half // 2)}"/></ds:Transform>'
                )
            )
        ),
        "a large SignedInfo with prefixes to include": _response(
            _signature(_prefixed(60) + "<ds:a/>" * 4000), _numbered(60)
        ),
        "namespaces of an unsigned message": _filled(lambda n: f"<p{n % 60}:a p{n * 7 % 60}:b=''/>", _numbered(60)),
        "signatures": _filled(lambda _: _signature("")),
        "parts of a key": _response(
            _signature(_info(fit), key_info=f"<ds:KeyInfo>{'<ds:KeyName>x</ds:KeyName>' * 4500}</ds:KeyInfo>")
        ),
        "a long signature": _response(_signature(_info(fit), value="A" * (MOST // 5 * 4))),
        "a signature in lines of one": _response(_signature(_info(fit), value="A\n" * (MOST // 5 * 2))),
        "a long digest": _response(_signature(_info(fit, "A" * (MOST // 5 * 4)))),
        "assertions": _filled(lambda n: f'<saml:Assertion ID="a{n}"/>'),
        "entities of entities": f'<!DOCTYPE r [<!ENTITY e0 "ha">{laughs}]>'.encode() + _response("&e9;"),
        "references to characters": _filled(lambda _: "&#65;", most=40_000),
        "comments": _filled(lambda _: "<!---->", most=40_000),
        "white space": _response(" \n" * (MOST // 5 * 2)),
        "no XML": b"<" * MOST,
        "one tag": b"<a" + b" " * (MOST - 3) + b">",
    }


def _signed(world: World) -> dict[str, bytes]:
    """What the pinned identity provider itself could send."""
    wide = "".join(f"<q:a{n} xmlns:q='urn:{'x' * 30}{n}'/>" for n in range(2500))
    audience = "<saml:Audience>x</saml:Audience>"
    strange = forge.attribute("urn:x", "&lt;" * 25_000)
    return {
        "signed: many attributes": world.of_size(MOST),
        "signed: many attributes, in their assertion": world.of_size(MOST, "assertion"),
        "signed: one long value": world.signed(replace(world.reply, attributes=(forge.attribute("urn:x", "x" * 150_000),))),
        "signed: references in a value": world.signed(replace(world.reply, attributes=(strange,))),
        "signed: many namespaces": world.signed(
            replace(world.reply, extensions=f"<samlp:Extensions>{wide}</samlp:Extensions>")
        ),
        "signed: prefixes to include, and namespaces": in_utf8(
            forge.signed_reply(
                replace(world.reply, extensions=f"<samlp:Extensions {_numbered(50)}>{'<p7:a/>' * 4500}</samlp:Extensions>"),
                world.party,
                "response",
                forge.How(prefixes=" ".join(f"p{n}" for n in range(16))),
            )
        ),
        "signed: many audiences": world.signed(
            replace(
                world.reply,
                audiences=f"<saml:AudienceRestriction>{audience * 4000}</saml:AudienceRestriction>",
            )
        ),
        "signed: many confirmations": world.signed(
            replace(world.reply, more_confirmations='<saml:SubjectConfirmation Method="x"/>' * 3000)
        ),
        "signed: almost usual": world.signed(
            replace(world.reply, attributes=(forge.attribute("urn:x", *["y"] * 1500), "x"))
        ),
    }


def hostile(world: World) -> dict[str, Inbound]:
    """All of them as they come by POST, by their names."""
    found = {name: posted(octets) for name, octets in (_unsigned() | _signed(world)).items()}
    lines = base64.b64encode(world.message).decode()
    found["base64 in lines of one"] = Inbound("post", {"SAMLResponse": "\n".join(lines)})
    found["no base64"] = Inbound("post", {"SAMLResponse": "*" * MAX_PARAMETER})
    found["a parameter too long"] = Inbound("post", {"SAMLResponse": "A" * (64 * MAX_PARAMETER)})
    return found


def _judged(connector: SamlConnector, world: World, inbound: Inbound) -> Spent:
    """The quickest of some tries, and the peak of all."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(TRIES):
        begin = time.perf_counter()
        try:
            connector.receive(inbound, expectation(world), world.now)
        except AssertionRejected as error:
            if error.check == "unforeseen":
                raise RuntimeError("a hostile message that nobody foresaw") from error
        times.append(time.perf_counter() - begin)
    # KiB on Linux
    return Spent(min(times) * 1e3, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def _alone(work: Callable[[], Spent]) -> Spent:
    """Do it in a child of this process, whose peak of memory is its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            spent = work()
            os.write(writer, json.dumps([spent.ms, spent.mb]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        said = told.read()
    os.waitpid(child, 0)
    if not said:
        raise RuntimeError("a hostile message ended its process")
    ms, mb = json.loads(said)
    return Spent(ms, mb)


def all_spent() -> dict[str, Spent]:
    """What each costs here, in children of this process."""
    world = World()
    connector = world.connector()
    for _ in range(5):
        connector.receive(posted(world.message), expectation(world), world.now)
    return {name: _alone(partial(_judged, connector, world, inbound)) for name, inbound in hostile(world).items()}


def spent_elsewhere() -> dict[str, Spent]:
    """What each costs, in a process that has nothing else in it."""
    command = [sys.executable, "-m", "tests.benchmarks.signatures_hostile"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {name: Spent(ms, mb) for name, (ms, mb) in json.loads(done.stdout).items()}


if __name__ == "__main__":
    print(json.dumps({name: [spent.ms, spent.mb] for name, spent in all_spent().items()}))
