"""mozilla-django-oidc: the settings of its "Installation" page, for a project without e-mail addresses.

The page says itself what to write where users have no e-mail address: how a user is found, and how one is made.
"""

import os
from urllib.parse import urlencode

import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django_stage import serve
from django_stage import settings as project

ISSUER = os.environ["ISSUER"]
base = project()
base["INSTALLED_APPS"].append("mozilla_django_oidc")
settings.configure(
    **base,
    AUTHENTICATION_BACKENDS=["__main__.Backend"],
    OIDC_RP_CLIENT_ID=os.environ["CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_OP_AUTHORIZATION_ENDPOINT=f"{ISSUER}/authorize",
    OIDC_OP_TOKEN_ENDPOINT=f"{ISSUER}/token",
    OIDC_OP_USER_ENDPOINT=f"{ISSUER}/userinfo",
    OIDC_OP_JWKS_ENDPOINT=f"{ISSUER}/jwks",
    OIDC_RP_SIGN_ALGO=os.environ.get("ALG", "RS256"),
    OIDC_RP_SCOPES=os.environ["SCOPE"],
    OIDC_USE_PKCE="OIDC_USE_PKCE" in os.environ["FLOW"],
    LOGOUT_REDIRECT_URL="/bye",
    OIDC_STORE_ID_TOKEN=True,
    OIDC_OP_LOGOUT_URL_METHOD="__main__.provider_logout",
    ALLOW_LOGOUT_GET_METHOD=True,
)
django.setup()

from django.contrib.auth.models import AbstractUser, User  # noqa: E402 - Django is there only now
from mozilla_django_oidc.auth import OIDCAuthenticationBackend  # noqa: E402


class Backend(OIDCAuthenticationBackend):  # type: ignore[misc]  # it has no types
    """Users are known by their `sub`, as the documentation says for projects without e-mail addresses."""

    def filter_users_by_claims(self, claims: dict[str, object]) -> object:
        return User.objects.filter(username=claims["sub"])

    def create_user(self, claims: dict[str, object]) -> AbstractUser:
        self.request.session["claims"] = claims
        return User.objects.create_user(str(claims["sub"]))


def provider_logout(request: HttpRequest) -> str:
    """Where the library sends whoever signs out here: to the logout of their provider."""
    hint = {"id_token_hint": request.session["oidc_id_token"], "post_logout_redirect_uri": f"{os.environ['BASE']}/bye"}
    return f"{ISSUER}/logout?{urlencode(hint)}"


def claims(request: HttpRequest) -> JsonResponse:
    """The claims that the backend got."""
    return JsonResponse(request.session.get("claims", {}) if request.user.is_authenticated else {})


urlpatterns = [path("oidc/", include("mozilla_django_oidc.urls")), path("bye", claims), path("", claims)]

if __name__ == "__main__":
    serve()
