"""The stable names of every check that a message over SAML, or a token, must pass, in the words that logs use."""

from collections.abc import Mapping

# An answer of a pinned identity provider
SAML_CHECKS: Mapping[str, str] = {
    # how it came
    "binding": "a Response comes by POST alone",
    "parameters": "SAMLResponse is there, and no SAMLRequest beside it",
    "provider": "the answer is for the identity provider that was asked",
    # bytes, see docs/threats.md
    "size": "a message has at most 256 KiB",
    "base64": "the parameter is base64 in its one spelling; line breaks pass",
    "encoding": "the message is UTF-8 without a byte order mark",
    "doctype": "no DOCTYPE",
    "entity": "no entity reference but the five of XML",
    "comment": "no comment",
    "cdata": "no CDATA section",
    "processing_instruction": "no processing instruction",
    "not_well_formed": "the message is well-formed XML with namespaces",
    "depth": "at most 64 levels",
    "elements": "at most 5000 elements",
    "attributes": "at most 32 attributes in an element",
    "namespace": "namespaces are absolute URIs, and no ID or base stands in one",
    # structure and signature (rules 5 to 8)
    "root": "the message is a Response",
    "structure": "the assertion is a direct child of the Response",
    "one_assertion": "exactly one assertion",
    "duplicate_id": "every ID stands once",
    "signature_missing": "the Response, its assertion or both are signed",
    "signature_place": "a Signature stands right after Issuer, in the Response or its assertion, and nowhere else",
    "signature_count": "at most one Signature in each",
    "signature_shape": "a Signature has SignedInfo, SignatureValue and at most KeyInfo",
    "key_info": "KeyInfo has certificates, key values and names alone",
    "signed_info": "SignedInfo has one of each of its three children",
    "canonicalisation_method": "SignedInfo is canonicalised by exclusive C14N without comments",
    "canonicalisation": "canonicalising gives something",
    "signature_algorithm": "the profile takes the algorithm: ECDSA, or RSA as PKCS#1 v1.5 (saml2int) or PSS (eidas)",
    "reference": "one Reference, to the element that holds the Signature",
    "transforms": "the transforms are enveloped-signature and exclusive C14N",
    "digest_algorithm": "the digest is SHA-2",
    "digest_value": "DigestValue is one text of base64",
    "signature_value": "SignatureValue is one text of base64",
    "signature": "a pinned key of the identity provider made the signature",
    "digest": "the digest is that of the signed element",
    # grammar
    "text": "no text stands between elements, no element in a text, and texts are of bounded size",
    "missing_attribute": "what the schema requires is there",
    "unknown_attribute": "no attribute that we do not know",
    "missing_element": "what the schema requires is there, in its place",
    "unknown_element": "no element that we do not know, out of place or too often",
    "id": "an ID is an xs:ID",
    "time": "a time is an xs:dateTime with its time zone",
    "version": "the version is 2.0",
    "issuer_format": "an Issuer is an entity",
    "extensions": "no Extensions",
    "status_detail": "no StatusDetail beside success",
    "advice": "no Advice",
    "encrypted_assertion": "no EncryptedAssertion where no key of ours decrypts one",
    "encrypted_id": "no EncryptedID",
    "encrypted_attribute": "no EncryptedAttribute",
    "proxy_restriction": "no ProxyRestriction",
    # meaning (SAML Core 2.0 §2, SAML Profiles 2.0 §4.1)
    "destination": "Destination is where we received it; a signed Response has one, and none has an empty one",
    "response_issued": "the Response was issued now",
    "issuer": "Response and assertion were issued by whom we asked",
    "in_response_to": "the Response answers our request",
    "status": "the identity provider says that it signed the citizen in",
    "status_with_assertion": "a failure comes without an assertion",
    "assertion_issued": "the assertion was issued now",
    "subject_confirmation_missing": "there is a bearer confirmation",
    "recipient": "the bearer confirmation names our address",
    "subject_confirmation_in_response_to": "the bearer confirmation answers our request",
    "subject_confirmation_not_before": "the bearer confirmation has no NotBefore; a node's has begun, and ends later",
    "subject_confirmation_expired": "the bearer confirmation has an end, and it has not come",
    "conditions_not_before": "the conditions hold already, and begin before they end",
    "conditions_expired": "the conditions hold still",
    "audience": "every AudienceRestriction names us, and there is one",
    "authn_statement": "exactly one AuthnStatement",
    "authn_instant_future": "the citizen was authenticated in the past",
    "authn_instant_stale": "the citizen was authenticated as lately as we asked",
    "session_expired": "the session at the identity provider has not ended",
    "authn_context_unknown": "the AuthnContextClassRef is in the registration's table",
    "authn_context_too_low": "its level is at least what was asked",
    "assurance_unreachable": "the registration's table has a level that reaches what is asked",
    "name_id": "the subject has one identifier of 1 to 256 characters without controls",
    "name_id_format": "a NameID that identifies is persistent or unspecified, and of the format that was asked for",
    "name_qualifier": "a NameID that identifies is qualified by nobody else",
    "unforeseen": "nothing happened that we did not foresee",
}

# Everything, another country's node included
ALL_CHECKS: Mapping[str, str] = {
    **SAML_CHECKS,
    # signed queries (SAML Bindings 2.0 §3.4.4.1)
    "deflate": "the message is DEFLATE in one piece, and no larger than a message",
    # encryption (XML Encryption 1.1); what was decrypted passes the checks of bytes, structure and grammar again
    "plain_assertion": "no assertion stands outside of the encryption",
    "encrypted_data": "an EncryptedAssertion holds one EncryptedData of the Type Element, that holds no other",
    "encrypted_key": "exactly one EncryptedKey, in the KeyInfo of what it encrypts or right after it; no name to carry",
    "cipher_reference": "ciphertext is in the message: no CipherReference",
    "retrieval_method": "the key is in the message: a RetrievalMethod names the EncryptedKey after the data alone",
    "content_encryption": "the profile takes the content's encryption: AES-GCM, or AES-CBC by the deviation `aes_cbc`",
    "key_transport": "the profile takes the key's encryption: RSA-OAEP without a label",
    "oaep_digest": "the profile takes the hash of OAEP: SHA-256 or better for eidas",
    "oaep_mgf": "the profile takes the mask of OAEP: MGF1 with SHA-256 or better for eidas",
    "key_agreement": "the profile takes the key agreement: ECDH-ES for eidas, with one key of the sender and no nonce",
    "key_derivation": "the profile takes the key's derivation: ConcatKDF with SHA-2, its parameters whole octets",
    "key_wrap": "the profile takes the wrapping of an agreed key: AES-128 or AES-256, and it wraps a key of that length",
    "originator_key": "the sender's key of an agreement is one point on a curve of the profile, spelled in one way",
    "cipher_value": "CipherValue is one text of base64, and holds at least IV, one octet and tag; of AES-CBC whole blocks",
    "decryption": "the assertion is encrypted to our key, and whole",
}

# More checks of another country's node's answer (connectors/formats/eidas)
EIDAS_CHECKS: Mapping[str, str] = {
    "boolean": "a truth value is true, false, 1 or 0",
    "name_format": "an attribute's name is a URI",
    "attribute_statement": "exactly one AttributeStatement",
    "duplicate_attribute": "an attribute that we know stands once",
    "attribute_type": "the type that a value says to have is that of its attribute",
    "attribute_value": "a value of the minimum data set is of its type; one identifier, one birth date",
    "latin_script": "a value in an original script has one in Latin script beside it, and says its script once",
    "minimum_data_set": "identifier, names and birth date are there, each with a value",
    "representative_minimum": "a representative has the whole minimum data set",
    "representation": "nobody acts for another",
    "node_country": "the node's NodeCountry is the registration's country",
    "authn_context_unpublished": "the node publishes the level, or a higher one where it is notified",
    "identifier": "PersonIdentifier is one plain `CC/CC/identifier`",
    "identifier_country": "its first two letters are the node's country",
    "identifier_recipient": "its second two letters are our country",
}

# A request of another country's node (connectors/request_checks.py); its XML and signature are judged as above
REQUEST_CHECKS: Mapping[str, str] = {
    "issuer": "the request was issued by the node whose key signed it",
    "destination": "Destination is where we received it",
    "request_issued": "the request was issued now",
    "protocol_binding": "ProtocolBinding is absent, POST, Redirect or SOAP",
    "acs_url": "AssertionConsumerServiceURL is absent, or that of the metadata",
    "force_authn": "ForceAuthn is true",
    "is_passive": "IsPassive is there and false",
    "consent": "Consent is absent, or one of SAML's",
    "provider_name": "ProviderName has at most 256 characters and no controls",
    "name_id_policy": "the NameID format is one of the profile and of the metadata, and may be new",
    "authn_context_comparison": "the levels are asked as a minimum, or exactly",
    "authn_context_refs": "one to sixteen levels, each once",
    "authn_context_level": "no level that is spelled nearly like a notified one",
    "authn_context_minimum": "a minimum is one notified level",
    "authn_context_exact": "exact levels have one that is not notified, and with a notified one all above it",
    "sp_type": "SPType is public or private, in the request or in the metadata, not in both",
    "requester_id": "a RequesterID is a URI of at most 1024 characters",
    "requested_twice": "each attribute is asked for once",
    "representative_requested": "no representative's attributes",
    "unknown_required": "what is required is known",
    "is_required": "isRequired is what the registry says",
    "minimum_data_set": "the whole minimum data set of natural persons is asked for",
}

# A signed token's form and signature (connectors/signatures/jws.py); each kind of token says its own types
OF_JWS: Mapping[str, str] = {
    "jws_size": "a token has at most 64 KiB, its header 2 KiB",
    "jws_form": "a token is a compact JWS: three parts of base64url in its one spelling",
    "jws_header": "the header is one strict JSON object of alg, typ, kid and thumbprints; no crit, b64, zip, jku, x5u, jwk",
    "jws_alg": "the algorithm is the one that is registered",
    "jws_typ": "typ is absent or JWT",
    "jws_kid": "kid names one key of the issuer's; without it there is only one",
    "jws_keys": "the issuer has a key for the algorithm",
    "jws_signature": "a key of the issuer's made the signature",
    "jws_claims": "the claims are one strict JSON object, each member once",
}

# A service provider's request (connectors/authn_request_checks.py); its XML and signature are judged as above
AUTHN_REQUEST_CHECKS: Mapping[str, str] = {
    "issuer": "the request was issued by the service provider whose key signed it",
    "destination": "Destination is where we received it",
    "request_issued": "the request was issued now",
    "protocol_binding": "ProtocolBinding is absent, or POST or Artifact where the metadata has it",
    "acs_url": "AssertionConsumerServiceURL is absent, or one of the metadata's, letter by letter",
    "acs_index": "AssertionConsumerServiceIndex is absent, or one of the metadata's, with no address or binding beside it",
    "attribute_index": "AttributeConsumingServiceIndex is absent, or one of the metadata's",
    "subject": "no Subject: whom to sign in is not for a service to say",
    "conditions": "no Conditions",
    "proxy_count": "ProxyCount is absent, or a number",
    "idp_list": "an IDPList has 1 to 64 identity providers",
    "requested_attribute": "the extension for attributes has up to 64, each with a Name",
    "name_id_policy": "the NameID format is one that can be had, and qualified by nobody else",
    "authn_context_comparison": "classes of authentication are asked by one of the four comparisons",
    "authn_context_refs": "one to sixteen classes, each once",
    "authn_context_declaration": "no AuthnContextDeclRef",
    "boolean": "a truth value is true, false, 1 or 0",
    "consent": "Consent is absent, or one of SAML's",
    "provider_name": "ProviderName has at most 256 characters and no controls",
}

# Single logout (connectors/logout_checks.py); its XML and signature are judged as above
LOGOUT_CHECKS: Mapping[str, str] = {
    "issuer": "the message was issued by whoever's key signed it",
    "destination": "Destination is where we received it",
    "logout_issued": "the message was issued now",
    "logout_expired": "its NotOnOrAfter has not come, where it has one",
    "logout_reason": "Reason is absent, or a URI of at most 1024 characters",
    "name_id": "the NameID has 1 to 256 characters without controls",
    "base_id": "no BaseID",
    "session_index": "at most 64 SessionIndexes of 1 to 256 characters, each once",
    "in_response_to": "a LogoutResponse answers our request",
    "logout_status": "its status is one of SAML's four",
    "consent": "Consent is absent, or one of SAML's",
}

# An id_token (connectors/id_token.py)
ID_TOKEN_CHECKS: Mapping[str, str] = {
    **OF_JWS,
    "claim_iss": "iss is there, and a text",
    "token_issuer": "iss is the issuer that was asked, sign by sign",
    "claim_sub": "sub is there, and a text",
    "token_subject": "sub has 1 to 255 visible ASCII characters",
    "claim_aud": "aud is a text, or a list of different texts",
    "token_audience": "aud names us, and nobody beside us whom we do not trust",
    "claim_azp": "azp is a text where it is there",
    "token_authorized_party": "azp is us where it is there, and it is there with several audiences",
    "claim_iat": "iat is there, in whole seconds",
    "claim_exp": "exp is there, in whole seconds",
    "claim_nbf": "nbf is in whole seconds where it is there",
    "token_expired": "the token has not ended",
    "token_issued": "the token was issued in the past",
    "token_not_before": "the token holds already",
    "token_life": "the token ends after it was issued, and within 24 hours",
    "claim_nonce": "nonce is a text where it is there",
    "token_nonce": "nonce is that of the request",
    "claim_auth_time": "auth_time is in whole seconds where it is there",
    "authentication_future": "the citizen was authenticated in the past",
    "authentication_time": "auth_time is there where max_age was asked, or where whoever asks us has to hear of it",
    "authentication_stale": "the citizen was authenticated as lately as was asked",
    "claim_acr": "acr is a text where it is there",
    "acr_unknown": "acr is a level that the registration names",
    "acr_too_low": "its level is at least what was asked",
    "claim_sid": "sid is a text where it is there",
    "claim_at_hash": "at_hash is a text where it is there",
    "token_access_token": "at_hash is that of the access token",
}

# A token that is encrypted to us (connectors/signatures/jwe.py); its content is judged as any other token
JWE_CHECKS: Mapping[str, str] = {
    "jwe_size": "an encrypted token has at most 64 KiB, its header 1 KiB",
    "jwe_form": "it is a compact JWE: five parts of base64url in its one spelling, no key, 12 octets of IV, 16 of tag",
    "jwe_header": "the header is one strict JSON object of alg, enc, epk, kid, apu, apv, cty, typ and claims; no zip, crit",
    "jwe_replicated": "iss, sub and aud of the header are absent, or those of the token inside",
    "jwe_alg": "key agreement and content encryption are those that are registered",
    "jwe_typ": "cty and typ are absent or JWT",
    "jwe_kid": "kid names one key of ours; without it there is only one",
    "jwe_keys": "we have a key to decrypt with, for an algorithm that we know",
    "jwe_decryption": "the token is encrypted to our key, and whole",
}

# An assertion by which a client authenticates (connectors/client_assertion.py)
CLIENT_ASSERTION_CHECKS: Mapping[str, str] = {
    **OF_JWS,
    "jws_typ": "typ is absent, JWT or client-authentication+jwt",
    "claim_iss": "iss is there, and a text",
    "assertion_issuer": "iss is the client_id",
    "claim_sub": "sub is there, and a text",
    "assertion_subject": "sub is the client_id",
    "claim_aud": "aud is there, and one text (or different texts, where the registration names the token endpoint)",
    "assertion_audience": "aud is our issuer, sign by sign (or our token endpoint or both, where the registration says so)",
    "claim_exp": "exp is there, in whole seconds",
    "assertion_expired": "the assertion has not ended",
    "assertion_life": "the assertion ends within 5 minutes (10 by registration), and not before it was issued",
    "claim_iat": "iat is in whole seconds where it is there",
    "assertion_issued": "the assertion was issued in the past",
    "claim_nbf": "nbf is in whole seconds where it is there",
    "assertion_not_before": "the assertion holds already",
    "claim_jti": "jti is there, and a text",
    "assertion_jti": "jti has at most 256 characters",
}

# A logout token (connectors/logout_token.py)
LOGOUT_TOKEN_CHECKS: Mapping[str, str] = {
    **OF_JWS,
    "jws_typ": "typ is logout+jwt",
    "claim_iss": "iss is there, and a text",
    "token_issuer": "iss is the issuer whose session it is, sign by sign",
    "claim_aud": "aud is a text, or a list of different texts",
    "token_audience": "aud names us, and nobody beside us",
    "claim_iat": "iat is there, in whole seconds",
    "claim_exp": "exp is there, in whole seconds",
    "claim_nbf": "nbf is in whole seconds where it is there",
    "token_expired": "the token has not ended",
    "token_issued": "the token was issued in the past",
    "token_not_before": "the token holds already",
    "token_life": "the token ends after it was issued, and within 5 minutes",
    "claim_sub": "sub is a text where it is there",
    "token_subject": "sub has 1 to 255 visible ASCII characters",
    "claim_sid": "sid is a text where it is there",
    "logout_session": "sid has 1 to 255 visible ASCII characters",
    "logout_subject": "sub or sid is there",
    "logout_events": "events has the event of a logout, an object, and no other",
    "logout_nonce": "no nonce",
    "claim_jti": "jti is there, and a text",
    "logout_jti": "jti has 1 to 255 visible ASCII characters",
}

# An address that is fetched, or that metadata names (connectors/fetch.py)
FETCH_CHECKS: Mapping[str, str] = {
    "url": "the address is a URL of visible ASCII with a host",
    "scheme": "the address is https",
    "credentials": "the address holds no name or password",
    "name": "the host has an address, and the resolver says so in time",
    "address": "every address of the host is public, or in a network of the registration",
    "connection": "the address can be reached, and speaks HTTP",
    "tls": "the host has a TLS certificate that we trust, of TLS 1.2 or later",
    "deadline": "everything came within the time that there is for it",
    "redirect": "the answer is no redirect",
    "status": "the answer is 200",
    "encoding": "the body is not compressed",
    "size": "the answer is no larger than it may be",
}

# Metadata that was fetched (connectors/metadata); its XML and signature are judged as those of a message
METADATA_CHECKS: Mapping[str, str] = {
    "metadata": "metadata has what a node must publish: its role, keys, addresses, country and versions",
    "metadata_key": "the certificate that the registration pins for metadata is within its dates",
    "metadata_entity": "the entityID is that of the registration",
    "metadata_country": "the NodeCountry is that of the registration",
    "metadata_expired": "validUntil has not come",
    "metadata_far": "validUntil is near: metadata that holds for long cannot be withdrawn",
    "metadata_old": "metadata that says other things ends later than the copy that is held",
    "metadata_address": "every address that metadata names is one to which a browser may be sent",
}

# A list of all nodes (connectors/metadata/service_list.py); its XML and signature are judged as those of a message
LIST_CHECKS: Mapping[str, str] = {
    "service_list": "the list names each country, address and node once, and says when it was issued",
    "list_key": "the certificate that was given for the list is within its dates",
    "list_issued": "the list was issued in the past",
    "list_ended": "the moment of its next update has not come; without one, it was issued 31 days ago at the most",
}

# Keys and claims, wherever they come from (connectors/signatures/jwk.py, connectors/wire/claims.py)
KEY_CHECKS: Mapping[str, str] = {
    "keys": "whoever sends a message has a key that is registered and in force",
    "jwk": "a key is a public JWK of the registered algorithm, large enough, and stands once",
    "json": "JSON is one object, each member once, of bounded size and depth, with numbers that programs read alike",
}

# Second opinions: metadata always, messages by `ciconia inspect` (connectors/signatures/second_opinion.py)
OPINION_CHECKS: Mapping[str, str] = {
    "second_opinion": "libxmlsec verifies, by the same key, the signature that our own code accepted",
    "second_reading": "expat reads in the octets, accepted and as they came, what lxml reads",
}

# The certificates in a node's metadata, where its registration names anchors (connectors/signatures/x509.py)
X509_CHECKS: Mapping[str, str] = {
    "x509_chain": "each certificate chains to an anchor of the registration (RFC 5280 section 6.1)",
    "x509_dates": "every certificate of the chain holds now, the anchor's too",
    "x509_key_usage": "a certificate is for this use, each issuer is one, and no critical extendedKeyUsage is for others",
    "x509_path_length": "no issuer has more issuers below it than it may",
    "x509_algorithm": "SHA-2, and keys of the profile's sizes and curves, in the whole chain and in the lists",
    "x509_revoked": "no certificate of the chain is on a pinned list of revoked ones",
    "x509_revocation_stale": "every pinned list has begun and has not ended",
    "x509_revocation_missing": "each certificate's issuer has a pinned list, which it signed",
}
