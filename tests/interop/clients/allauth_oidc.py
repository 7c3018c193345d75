"""django-allauth: the settings of its pages "Quickstart" and "OpenID Connect"."""

import os

import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django_stage import serve
from django_stage import settings as project

base = project()
base["INSTALLED_APPS"] += [
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
base["MIDDLEWARE"].append("allauth.account.middleware.AccountMiddleware")
settings.configure(
    **base,
    AUTHENTICATION_BACKENDS=[
        "django.contrib.auth.backends.ModelBackend",
        "allauth.account.auth_backends.AuthenticationBackend",
    ],
    # This broker tells no e-mail address where none is needed
    ACCOUNT_EMAIL_VERIFICATION="none",
    ACCOUNT_SIGNUP_FIELDS=["username"],
    SOCIALACCOUNT_PROVIDERS={
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "ciconia",
                    "name": "Ciconia",
                    "client_id": os.environ["CLIENT_ID"],
                    "secret": os.environ["CLIENT_SECRET"],
                    "settings": {
                        "server_url": os.environ["ISSUER"],
                        "scope": ["openid", "profile", "email", os.environ["SCOPE"].removeprefix("openid ")],
                    },
                }
            ],
        }
    },
)
django.setup()

from allauth.socialaccount.models import SocialAccount  # noqa: E402 - Django is there only now


def claims(request: HttpRequest) -> JsonResponse:
    """The claims that made the signed-in account."""
    account = SocialAccount.objects.filter(user=request.user).first() if request.user.is_authenticated else None
    return JsonResponse(account.get_provider_account().get_user_data() if account else {})


urlpatterns = [path("accounts/", include("allauth.urls")), path("", claims)]

if __name__ == "__main__":
    serve()
