"""The discovery protocol: a browser goes back where the service's metadata says, or nowhere."""

import pytest
from lxml import etree

from connectors.discovery import MAX_RETURN, SINGLE, asked_discovery, chosen_entity, discovery_request
from connectors.formats.entity_facts import discovery_responses_of
from policies.errors import RequestRefused
from tests.idp.web.visitor import query_of

HERE, OTHER = "https://library.example/login", "https://library.example/login?from=us"
PROVIDER = "https://idp.example/saml?a=1&b=ä"


@pytest.mark.spec("saml.md §7")
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ({}, f"{HERE}?entityID="),
        ({"return": HERE, "policy": SINGLE, "isPassive": "false"}, f"{HERE}?entityID="),
        # As Shibboleth's service provider sends it
        ({"return": f"{HERE}?SAMLDS=1&target=ss%3Amem%3Ab2"}, f"{HERE}?SAMLDS=1&target=ss%3Amem%3Ab2&entityID="),
        # As mod_auth_mellon does
        ({"return": f"{HERE}?ReturnTo=%2Fa", "returnIDParam": "IdP"}, f"{HERE}?ReturnTo=%2Fa&IdP="),
        ({"return": f"{OTHER}&more=1"}, f"{OTHER}&more=1&entityID="),
    ],
)
def test_the_answer_goes_where_the_metadata_says_with_what_the_service_put_behind_it(
    asked: dict[str, str], answered: str
) -> None:
    found = discovery_request(asked, [HERE, OTHER])
    assert found.answer(PROVIDER) == answered + "https%3A%2F%2Fidp.example%2Fsaml%3Fa%3D1%26b%3D%C3%A4"
    assert found.answer("") == asked.get("return", HERE), "nobody was chosen"
    assert not found.passive


EVIL = {
    "another host": "https://evil.example/login",
    "another scheme": "http://library.example/login",
    "another port": "https://library.example:8443/login",
    "its usual port, which is another text": "https://library.example:443/login",
    "a name that begins like it": "https://library.example.evil.example/login",
    "userinfo": "https://library.example@evil.example/login",
    "userinfo before its host": "https://a:b@library.example/login",
    "a fragment": f"{HERE}#here",
    "a path below": f"{HERE}/more",
    "a path above": "https://library.example/",
    "a path that goes up": "https://library.example/a/../login",
    "other letters": "https://LIBRARY.example/login",
    "a backslash": "https://library.example\\@evil.example/login",
    "no address": "javascript:alert(1)//https://library.example/login",
    "no scheme": "//library.example/login",
    "a line": f"{HERE}?a\r\nLocation: https://evil.example",
    "nothing": "",
    "the answer itself": f"{HERE}?entityID=https%3A%2F%2Fevil.example",
    "too much": f"{HERE}?{'a' * MAX_RETURN}",
}


@pytest.mark.spec("saml.md §7", "security.md §2.1 RelayState open redirect")
@pytest.mark.parametrize("what", EVIL)
def test_nobody_is_sent_anywhere_else(what: str) -> None:
    with pytest.raises(RequestRefused):
        discovery_request({"return": EVIL[what]}, [HERE])


@pytest.mark.parametrize(
    ("asked", "responses"),
    [
        ({}, []),
        ({}, ["http://library.example/login", "javascript:alert(1)"]),
        ({"return": HERE}, [OTHER]),
        ({"policy": "urn:other"}, [HERE]),
        ({"isPassive": "perhaps"}, [HERE]),
        ({"returnIDParam": "a=b&c"}, [HERE]),
        ({"returnIDParam": ""}, [HERE]),
    ],
)
def test_what_the_protocol_does_not_have_is_refused(asked: dict[str, str], responses: list[str]) -> None:
    with pytest.raises(RequestRefused):
        discovery_request(asked, responses)


@pytest.mark.spec("saml.md §7")
def test_the_default_response_of_the_metadata_comes_first_and_other_bindings_do_not_count() -> None:
    said = [("", "a", ""), ("", "b", 'isDefault="false"'), ("", "c", 'isDefault="true"'), (":other", "d", "")]
    binding = "urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol"
    inside = "".join(
        f'<d:DiscoveryResponse xmlns:d="{binding}" Binding="{binding}{other}" Location="{at}" index="1" {default}/>'
        for other, at, default in said
    )
    md = "urn:oasis:names:tc:SAML:2.0:metadata"
    role = etree.fromstring(f'<SPSSODescriptor xmlns="{md}"><Extensions>{inside}</Extensions></SPSSODescriptor>')
    assert discovery_responses_of(role) == ("c", "a", "b")


@pytest.mark.spec("saml.md §7")
def test_our_own_request_names_us_and_where_the_browser_comes_back() -> None:
    sent = asked_discovery("https://ds.example/?lang=et", "https://login.example/saml/metadata", f"{HERE}?login=a&b=c")
    assert sent.startswith("https://ds.example/?lang=et&entityID=")
    assert query_of(sent) == {
        "lang": "et",
        "entityID": "https://login.example/saml/metadata",
        "return": f"{HERE}?login=a&b=c",
        "returnIDParam": "entityID",
        "policy": SINGLE,
        "isPassive": "false",
    }
    assert (chosen_entity({"entityID": PROVIDER}), chosen_entity({})) == (PROVIDER, "")
    for wrong in ("a" * 1025, "a\nb", "a\u202eb"):
        with pytest.raises(RequestRefused):
            chosen_entity({"entityID": wrong})
