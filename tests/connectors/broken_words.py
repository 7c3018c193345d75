"""One broken answer for every check of grammar and meaning: good but for the one thing that its check is about.

`tests/connectors/test_saml_refuses.py` runs them, and holds their names against `connectors.checks.SAML_CHECKS`.
"""

from policies.assurance import LevelOfAssurance
from tests.connectors import forge
from tests.connectors.cases import reply
from tests.connectors.forge import FAILED, NOW, Reply, clock

TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"

GRAMMAR = (
    reply("text", "between elements", extensions="x"),
    reply("text", "before the first child", subject_before="x"),
    reply("text", "in an empty element", confirmation_data_inside="x"),
    reply("text", "elements in a text", context="<saml:Audience>x</saml:Audience>"),
    reply("text", "too long", context="x" * 1025),
    reply("missing_attribute", "Recipient's Method", more_confirmations="<saml:SubjectConfirmation/>"),
    reply("unknown_attribute", "of Issuer", issuer_attributes=' NameQualifier="x"'),
    reply(
        "unknown_attribute",
        "odd nil",
        attributes=('<saml:Attribute Name="x"><saml:AttributeValue xsi:nil="maybe"/></saml:Attribute>',),
    ),
    reply(
        "missing_element",
        "AuthnContextClassRef",
        context_inside="",
        authn_statements=0,
        assertion_end=f'<saml:AuthnStatement AuthnInstant="{clock(NOW)}"><saml:AuthnContext/></saml:AuthnStatement>',
    ),
    reply("unknown_element", "at the end", response_end="<samlp:Status/>"),
    reply("unknown_element", "in the confirmation", confirmation_data_inside='<evil xmlns="urn:evil"/>'),
    reply("unknown_element", "second NameID", more_confirmations="<saml:NameID>x</saml:NameID>"),
    reply("unknown_element", "an AuthzDecisionStatement", assertion_end="<saml:AuthzDecisionStatement/>"),
    reply("unknown_element", "a declaration", context_inside="<saml:AuthnContextDecl/>"),
    reply("unknown_element", "an unknown condition", audiences=Reply().audiences + "<saml:Condition/>"),
    reply("unknown_element", "foreign Assertion", response_end='<Assertion xmlns="urn:evil"/>'),
    reply("id", "a number", response_id="1x", which="assertion"),
    reply("id", "long", assertion_id="_" + "x" * 256),
    reply("time", "none", issued="yesterday"),
    reply("time", "no zone", issued=clock(NOW)[:-1]),
    reply("time", "no such day", assertion_issued="2026-02-30T00:00:00Z"),
    reply("time", "no such zone", assertion_issued="2026-02-20T00:00:00+14:01"),
    reply("time", "no such minute of a zone", assertion_issued="2026-02-20T00:00:00+01:60"),
    reply("version", "1.1", version="1.1"),
    reply("version", "assertion 1.1", assertion_version="1.1"),
    reply("issuer_format", "a person", issuer_attributes=f' Format="{forge.PERSISTENT}"'),
    reply("extensions", "empty", extensions="<samlp:Extensions/>"),
    reply("status_detail", "beside success", status_detail="<samlp:StatusDetail><x xmlns='urn:x'/></samlp:StatusDetail>"),
    reply("advice", "empty", advice="<saml:Advice/>"),
    reply("encrypted_assertion", "alone", assertions=False, response_end="<saml:EncryptedAssertion/>"),
    reply("encrypted_assertion", "beside a plain one", response_end="<saml:EncryptedAssertion/>"),
    reply("encrypted_id", "subject", subject_before="<saml:EncryptedID/>"),
    reply(
        "encrypted_id",
        "confirmation",
        more_confirmations='<saml:SubjectConfirmation Method="x"><saml:EncryptedID/></saml:SubjectConfirmation>',
    ),
    reply("encrypted_attribute", "one", statements_inside="<saml:EncryptedAttribute/>"),
    reply("proxy_restriction", "count", audiences=Reply().audiences + '<saml:ProxyRestriction Count="0"/>'),
)

MEANING = (
    reply("destination", "another", destination="https://broker.example/saml/acs2"),
    reply("destination", "one more slash", destination=forge.ACS + "/"),
    reply("destination", "absent", destination=None),
    reply("destination", "another around a signed assertion", destination="https://evil.example", which="assertion"),
    reply("response_issued", "long ago", issued=clock(NOW - 481)),
    reply("response_issued", "later", issued=clock(NOW + 181)),
    reply("issuer", "another", issuer="https://other.example"),
    reply("issuer", "with white space", issuer=forge.IDP + " "),
    reply("issuer", "another around a signed assertion", issuer="https://other.example", which="assertion"),
    reply("issuer", "of the assertion", assertion_issuer="https://other.example"),
    reply("in_response_to", "another", in_response_to="_other"),
    reply("in_response_to", "absent", in_response_to=None),
    reply("in_response_to", "another around a signed assertion", in_response_to="_other", which="assertion"),
    reply("status", "failed", status=FAILED, assertions=False),
    reply("status", "failed, unsigned", status=FAILED, assertions=False, which="neither"),
    reply(
        "status",
        "with a second code and detail",
        status=FAILED,
        assertions=False,
        status_detail="<samlp:StatusMessage>m"
        "</samlp:StatusMessage><samlp:StatusDetail><x xmlns='urn:x'>y</x></samlp:StatusDetail>",
        status_inside='<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/>',
    ),
    reply("status_with_assertion", "signed", status=FAILED),
    reply("status_with_assertion", "around a signed assertion", status=FAILED, which="assertion"),
    reply("assertion_issued", "long ago", assertion_issued=clock(NOW - 481)),
    reply("assertion_issued", "later", assertion_issued=clock(NOW + 181)),
    reply(
        "subject_confirmation_missing",
        "sender vouches",
        confirmation_method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches",
    ),
    reply("recipient", "another", recipient="https://other.example/acs"),
    reply("recipient", "absent", recipient=None),
    reply("subject_confirmation_in_response_to", "another", confirmed_request="_other"),
    reply("subject_confirmation_in_response_to", "absent", confirmed_request=None),
    reply("subject_confirmation_not_before", "there", confirmed_from=NOW - 60),
    reply("subject_confirmation_expired", "ended", confirmed_until=NOW - 180),
    reply("subject_confirmation_expired", "endless", confirmed_until=None),
    reply("conditions_not_before", "later", conditions_from=NOW + 181),
    reply("conditions_expired", "ended", conditions_until=NOW - 180),
    reply("audience", "another", audiences=Reply().audiences.replace(forge.SP, "https://broker.example/saml/metadata2")),
    reply("audience", "absent", audiences=""),
    reply("audience", "nobody", audiences="<saml:AudienceRestriction/>"),
    reply(
        "audience",
        "one of two restrictions",
        audiences=Reply().audiences
        + "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>",
    ),
    reply("authn_statement", "none", authn_statements=0),
    reply("authn_statement", "two", authn_statements=2),
    reply("authn_instant_future", "later", authenticated=clock(NOW + 181)),
    reply("authn_instant_stale", "not forced", forge.expectation(force=True), authenticated=clock(NOW - 60 - 181)),
    reply(
        "authn_instant_stale",
        "older than max_age",
        forge.expectation(max_age=600),
        authenticated=clock(NOW - 60 - 600 - 181),
    ),
    reply("session_expired", "ended", session_until=NOW - 180),
    reply("authn_context_unknown", "password", context="urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
    reply("authn_context_unknown", "with white space", context=forge.HIGH + " "),
    reply("authn_context_too_low", "low", context="http://eidas.europa.eu/LoA/low"),
    reply(
        "authn_context_too_low",
        "substantial",
        forge.expectation(minimum=LevelOfAssurance.HIGH),
        context="http://eidas.europa.eu/LoA/substantial",
    ),
    reply("name_id", "absent", name_id_attributes=""),
    reply("name_id", "empty", name_id=""),
    reply("name_id", "white space", name_id=" "),
    reply("name_id", "control character", name_id="a&#10;b"),
    reply("name_id", "257 characters", name_id="x" * 257),
    reply("name_id_format", "transient", name_id_attributes=f'Format="{TRANSIENT}"'),
    reply("name_id_format", "email", name_id_attributes='Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"'),
    reply(
        "name_qualifier",
        "another provider",
        name_id_attributes=f'Format="{forge.PERSISTENT}" NameQualifier="https://x.example"',
    ),
    reply(
        "name_qualifier",
        "another service",
        name_id_attributes=f'Format="{forge.PERSISTENT}" SPNameQualifier="https://x.example"',
    ),
)

CASES = GRAMMAR + MEANING
