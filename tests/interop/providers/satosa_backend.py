"""A backend of SATOSA that knows one person: what stands behind its SAML frontend is not what is tried."""

from datetime import UTC, datetime
from typing import Any  # SATOSA has no types

from satosa.backends.base import BackendModule
from satosa.internal import AuthenticationInformation, InternalData

PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"
PERSON = {
    "surname": ["Lindqvistsson"],
    "givenname": ["Astrid-Margareta"],
    "birthdate": ["19820311"],
    "identifier": ["SE-19820311-2384"],
    "mail": ["astrid.lindqvistsson@post.example"],
    "locality": ["Storkhaven"],
    "country": ["NL"],
}


class OnePerson(BackendModule):
    """Signs the same person in, whoever asks."""

    def __init__(self, outgoing: Any, internal_attributes: Any, _config: Any, base_url: str, name: str) -> None:
        super().__init__(outgoing, internal_attributes, base_url, name)

    def start_auth(self, context: Any, _request: Any) -> Any:
        """Answer like SATOSA's own reflector."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = AuthenticationInformation(auth_class_ref=PASSWORD, timestamp=now, issuer="interop")
        said = InternalData(auth_info=found, attributes=dict(PERSON), subject_type=None, subject_id="astrid")
        return self.auth_callback_func(context, said)

    def register_endpoints(self) -> list[Any]:
        """It has none."""
        return []

    def get_metadata_desc(self) -> list[Any]:
        """Nor any metadata."""
        return []
