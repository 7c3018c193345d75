"""The stable names of checks of a service's request that need more than its metadata, in the words of logs."""

from collections.abc import Mapping

# idp/protocols/saml/question.py
SERVICE_CHECKS: Mapping[str, str] = {
    "authn_context_unmet": "a class of authentication that is asked for is a level here, and reaches the purpose",
    "idp_list_unknown": "an identity provider of the IDPList is registered here, or a proxy is",
}
