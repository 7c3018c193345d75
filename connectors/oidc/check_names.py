"""The stable names of the checks of an OpenID provider's answer, in the words that logs use."""

from collections.abc import Mapping

# connectors/oidc; the id_token in it is judged as any other, and so are keys and addresses
OPENID_ANSWER_CHECKS: Mapping[str, str] = {
    "answer_state": "state is that of the question, sign by sign",
    "answer_issuer": "iss is the issuer that was asked, and is there where the provider's metadata promises it",
    "answer_error": "the provider says that it signed the citizen in",
    "answer_code": "there is a code of 1 to 2048 visible ASCII characters",
    "answer_provider": "an answer comes to the address of the provider that was asked",
    "push_refused": "the provider takes our pushed request, and says under which address",
    "token_refused": "the provider takes our code, which it gave for this question",
    "token_response": "a token response is application/json with an access token and an id_token",
    "token_type": "the access token is bound to our key where that was agreed on, and else a bearer's",
    "userinfo_refused": "userinfo answers 200",
    "userinfo_form": "userinfo is JSON, or the JWT that was agreed on",
    "userinfo_subject": "userinfo is about the person of the id_token",
    "subject_claim": "the claim that identifies is one plain text",
    "assurance_unreachable": "the registration's table has a level that reaches what is asked",
}
