"""djangosaml2idp2 in a Django project: its README, Configuration & Usage, and one user who signs in by a form."""

import os
from pathlib import Path
from typing import Any  # Django has no types here

from django_stage import serve, settings
from pysaml2_idp import IDENTITY, use_cipher

os.environ["SESSION_KEY"] = "a key of this rig alone"
use_cipher(os.environ["FLOW"])

import django  # noqa: E402
import saml2  # noqa: E402 - after its cipher was chosen
from django.conf import settings as configured  # noqa: E402
from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_UNSPECIFIED  # noqa: E402
from saml2.sigver import get_xmlsec_binary  # noqa: E402

BASE = os.environ["BASE"]
KEYS = {"key_file": os.environ["KEY"], "cert_file": os.environ["CERT"]}
LOGIN = "<form method=post>{% csrf_token %}{{ form.as_p }}<button>Sign in</button></form>"
SAML: dict[str, Any] = {
    "xmlsec_binary": get_xmlsec_binary(["/opt/local/bin", "/usr/bin"]),
    "entityid": f"{BASE}/idp/metadata",
    "description": "Example IdP setup",
    "service": {
        "idp": {
            "name": "Django localhost IdP",
            "endpoints": {
                "single_sign_on_service": [
                    (f"{BASE}/idp/sso/post/", saml2.BINDING_HTTP_POST),
                    (f"{BASE}/idp/sso/redirect/", saml2.BINDING_HTTP_REDIRECT),
                ],
            },
            "name_id_format": [NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_UNSPECIFIED],
            "sign_response": True,
            "sign_assertion": True,
            "want_authn_requests_signed": True,
        },
    },
    **KEYS,
    "encryption_keypairs": [KEYS],
    "valid_for": 365 * 24,
}
own = settings()
own["INSTALLED_APPS"] = [*own["INSTALLED_APPS"], "djangosaml2idp"]
own["TEMPLATES"][0]["DIRS"] = ["."]
configured.configure(
    **own,
    LOGIN_URL="/login/",
    SAML_IDP_CONFIG=SAML,
    SAML_ENCRYPT_AUTHN_RESPONSE="encrypted" in os.environ["FLOW"],
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402 - Django wants its settings first
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.urls import include, path  # noqa: E402
from djangosaml2idp.models import ServiceProvider  # noqa: E402
from djangosaml2idp.processors import BaseProcessor  # noqa: E402


class Processor(BaseProcessor):  # type: ignore[misc] # it has no types
    """A hook of its README: what this project knows of a person."""

    def create_identity(self, user: Any, sp_attribute_mapping: Any) -> dict[str, str]:  # noqa: ARG002 - as its base
        """The same for everybody."""
        return dict(IDENTITY)


urlpatterns = [
    path("login/", LoginView.as_view(template_name="login.html")),
    path("idp/", include("djangosaml2idp.urls")),
]

if __name__ == "__main__":
    Path("login.html").write_text(LOGIN, encoding="utf-8")
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("astrid", password="astrid")
    # As its form in the admin does
    signs = None if os.environ["FLOW"].startswith("nothing") else True
    # It writes this by id into one folder of the machine, and several of these programs begin at once
    Path("/tmp/djangosaml2idp").mkdir(exist_ok=True)  # noqa: S108 - the name is its own
    service = ServiceProvider(
        id=int(os.environ["PORT"]),
        _sign_response=signs,
        _sign_assertion=signs,
        entity_id=os.environ["BROKER"],
        local_metadata=Path(os.environ["BROKER_METADATA"]).read_text(encoding="utf-8"),
        _processor="__main__.Processor",
    )
    service.save()
    serve()
