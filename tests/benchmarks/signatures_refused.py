"""Refused messages as large as the ordinary one, each for another reason: what a refusal costs, early or late."""

from dataclasses import replace

from lxml import etree

from tests.benchmarks.signatures_made import World, in_utf8
from tests.connectors import forge
from tests.connectors.forge import DS


def refused(world: World) -> dict[str, bytes]:
    """By the reason: of octets, of the signature, of the grammar, of the meaning."""
    good, reply = world.message, world.reply
    stranger = World(now=world.now)
    found = {
        "another value than was signed": good.replace(b"18870412", b"18870413"),
        "another signature value": _another_signature(good),
        "another algorithm": good.replace(b"xmldsig-more#rsa-sha256", b"xmldsig-more#rsa-sha224", 1),
        "another key": in_utf8(forge.signed_reply(reply, stranger.party, "response", world.how)),
        "another Reference": good.replace(b'URI="#_', b'URI="#a', 1),
        "a comment": good.replace(b"</samlp:Status>", b"<!----></samlp:Status>", 1),
        "an entity": good.replace(b">18870412<", b">&x;<", 1),
        "no signature": in_utf8(reply.xml()),
        "not well-formed": good.replace(b"</samlp:Response>", b"</samlp:Respons>"),
        "two assertions": world.signed(replace(reply, response_end=reply.assertion().replace(reply.assertion_id, "_b"))),
        "an ID twice": world.signed(
            replace(reply, statements_inside=forge.attribute("x", f'<a ID="{reply.assertion_id}"/>'))
        ),
        "an unknown element": world.signed(replace(reply, statements_inside="<saml:Strange/>")),
        "advice": world.signed(replace(reply, advice="<saml:Advice/>")),
        # What is read last of all, and the last of what is usual
        "an unknown attribute of NameID": world.signed(replace(reply, name_id_attributes='x=""')),
        "an element in the last value": world.signed(
            replace(reply, attributes=(*reply.attributes[:-1], forge.attribute("x", "<saml:x/>")))
        ),
        "an element after the assertion": world.signed(replace(reply, response_end="<saml:Strange/>")),
        "another audience": world.signed(
            replace(
                reply, audiences="<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>"
            )
        ),
        "another request": world.signed(replace(reply, in_response_to="_another")),
        "an end that is past": world.signed(replace(reply, confirmed_until=world.now - 3600)),
        "a level too low": world.signed(replace(reply, context="http://eidas.europa.eu/LoA/low")),
        "a NameID that identifies nobody": world.signed(replace(reply, name_id_attributes='Format="urn:x"')),
    }
    if any(octets == good for octets in found.values()):
        raise ValueError("a refused message that is the good one")
    return found


def _another_signature(message: bytes) -> bytes:
    """The first letter of the signature is another: the same key, and no signature of it."""
    root = etree.fromstring(message)
    value = next(iter(root.iter(f"{{{DS}}}SignatureValue")))
    text = value.text or ""
    value.text = ("A" if text[0] != "A" else "B") + text[1:]
    return etree.tostring(root, encoding="unicode").encode()
