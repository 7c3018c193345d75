"""Settings that every Django project has, for the three programs that bring their own."""

import os
from typing import Any  # Django has no types here

APPS = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
)
MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)


def settings() -> dict[str, Any]:
    """A project with an SQLite database beside it."""
    processors = ("request", "debug")
    templates = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [f"django.template.context_processors.{one}" for one in processors]},
    }
    return {
        "DEBUG": True,
        "SECRET_KEY": os.environ["SESSION_KEY"],
        "ALLOWED_HOSTS": [".localhost"],
        "ROOT_URLCONF": "__main__",
        "INSTALLED_APPS": list(APPS),
        "MIDDLEWARE": list(MIDDLEWARE),
        "TEMPLATES": [templates],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "app.sqlite3"}},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "LOGIN_REDIRECT_URL": "/",
        "LOGGING": {
            "version": 1,
            "handlers": {"console": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["console"], "level": "INFO"},
        },
    }


def serve() -> None:
    """Make the database, and listen."""
    from django.core.management import call_command  # noqa: PLC0415 - Django wants its settings first

    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{os.environ['PORT']}", use_reloader=False)
