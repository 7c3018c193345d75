"""Our own metadata by the Metadata Query Protocol: by either identifier, by its tag, and nobody else's."""

from hashlib import sha1
from urllib.parse import quote

from tests.idp.web.visitor import DIRECT, Visitor

SAML = "application/samlmetadata+xml"


def test_our_entity_is_found_by_its_id_and_by_the_digest_of_that(visitor: Visitor) -> None:
    name = f"{visitor.stage.issuer}/saml/metadata"
    published = visitor.go("GET", "/saml/metadata", headers=DIRECT)
    for identifier in (quote(name, safe=""), "%7Bsha1%7D" + sha1(name.encode(), usedforsecurity=False).hexdigest()):
        answer = visitor.go("GET", f"/mdq/entities/{identifier}", headers={**DIRECT, "accept": SAML})
        assert (answer.status, answer.headers["content-type"]) == (200, SAML)
        assert answer.text == published.text
        again = visitor.go(
            "GET",
            f"/mdq/entities/{identifier}",
            headers={**DIRECT, "accept": SAML, "if-none-match": answer.headers["etag"]},
        )
        assert (again.status, again.text) == (304, "")


def test_nobody_else_s_entity_and_no_other_format_is_given(visitor: Visitor) -> None:
    other = quote("https://idp.example/saml", safe="")
    assert visitor.go("GET", f"/mdq/entities/{other}", headers=DIRECT).status == 404
    ours = quote(f"{visitor.stage.issuer}/saml/metadata", safe="")
    assert visitor.go("GET", f"/mdq/entities/{ours}", headers={**DIRECT, "accept": "text/html"}).status == 406
