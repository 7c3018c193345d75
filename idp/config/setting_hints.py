"""How each setting of `ciconia.toml` is written, for people: what to do about one that is not."""

# ISO 3166-1 leaves XX to its users: no country will ever have it
NO_COUNTRY = "XX"

_MAIL = "Write a mail address: NAME@HOST."
_SECONDS = "Write a number of seconds, as 10.0."
# By the setting's name; a setting of a table without a form of its own has the table's
FORMS = {
    "issuer": "Write https://HOST, or https://HOST:PORT, as browsers reach the broker.",
    "listen": "Write ADDRESS:PORT, as 127.0.0.1:8400.",
    "trusted_proxies": 'Write the addresses or networks of your proxies, as ["127.0.0.1", "10.8.0.0/24"].',
    "database": "Write the name of a file, as ciconia.db, or postgresql://USER@HOST/NAME.",
    "keys": "Write the name of a folder, as keys.",
    "witness": 'Write the name of a folder or file on another disk or machine; "" for none.',
    "checkpoint_seconds": _SECONDS,
    "probe_seconds": _SECONDS,
    "metadata_max_days": "Write a whole number of days, from 1 to 92, as 31.",
    "role": 'Write "city" or "node".',
    "metrics_listen": 'Write ADDRESS:PORT, as 127.0.0.1:9400; "" tells them nowhere.',
    "country": 'Write two capital letters, as in ISO 3166-1 (alpha-2); "" for none.',
    "valkey": 'Write valkey://HOST:PORT, or valkeys://HOST:PORT for TLS; "" for none.',
    "limits": "Write whole numbers, as limits = { at_work = 4, waiting = 256 }; what is left out has its default.",
    "documentation_url": 'Write the https address of the page, without #; "" for none.',
    "demo": "Write true or false.",
    "organization": "Write [organization] with name, url, support and technical, each a text.",
    "organization.url": "Write an address that begins with https:// or http://.",
    "organization.support": _MAIL,
    "organization.technical": _MAIL,
}
