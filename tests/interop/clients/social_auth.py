"""social-auth-core by social-auth-app-django: the settings of its pages "Django" and "OIDC (OpenID Connect)"."""

import os

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import RequestContext, Template
from django.urls import include, path
from django_stage import serve
from django_stage import settings as project

base = project()
base["INSTALLED_APPS"].append("social_django")
settings.configure(
    **base,
    AUTHENTICATION_BACKENDS=["social_core.backends.open_id_connect.OpenIdConnectAuth"],
    SOCIAL_AUTH_OIDC_OIDC_ENDPOINT=os.environ["ISSUER"],
    SOCIAL_AUTH_OIDC_KEY=os.environ["CLIENT_ID"],
    SOCIAL_AUTH_OIDC_SECRET=os.environ["CLIENT_SECRET"],
    # The purpose, beside its own `openid profile email`
    SOCIAL_AUTH_OIDC_SCOPE=[os.environ["SCOPE"].removeprefix("openid ")],
    SOCIAL_AUTH_OIDC_USE_PKCE="USE_PKCE" in os.environ["FLOW"],
    SOCIAL_AUTH_OIDC_EXTRA_DATA=["sub", "age_over_18", "resident_of"],
)
django.setup()

from social_django.models import UserSocialAuth  # noqa: E402 - Django is there only now

BUTTON = """<form method="post" action="{% url 'social:begin' 'oidc' %}">{% csrf_token %}<button>Sign in</button></form>"""


def claims(request: HttpRequest) -> HttpResponse:
    """The claims of the signed-in account; for anybody else the button of its documentation, which posts."""
    if not request.user.is_authenticated:
        return HttpResponse(Template(BUTTON).render(RequestContext(request)))
    account = UserSocialAuth.objects.get(user=request.user)
    return JsonResponse({**account.extra_data, "sub": account.uid})


urlpatterns = [path("", include("social_django.urls", namespace="social")), path("", claims)]

if __name__ == "__main__":
    serve()
