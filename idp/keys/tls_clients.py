"""Our TLS certificate at a provider whose answers we fetch: `tls-client.PROVIDER.pem` has the key and the certificate."""

from pathlib import Path

from connectors.fetch import Fetcher, showing
from policies.errors import Misconfigured, Problem
from policies.parties import ProviderId

TLS_CLIENT = "tls-client."


def tls_client_file(folder: Path, provider: ProviderId) -> Path:
    """Where the key and certificate for this provider lie."""
    return folder / f"{TLS_CLIENT}{provider}.pem"


def fetcher_with_certificate(path: Path, *, demo: bool) -> Fetcher:
    """A fetcher that shows this certificate. Raises `Misconfigured` where it cannot be used."""
    what = ""
    try:
        if path.stat().st_mode & 0o077:
            what = "others than its owner may read this secret."
        else:
            return showing(str(path), demo=demo)
    except FileNotFoundError:
        what = "client_certificate needs this file, and it is not there."
    except OSError:
        what = "it does not hold a private key without a password and its certificate, both in PEM."
    fix = "Write the private key and then the certificate that the provider's operator took, and chmod 600 the file."
    raise Misconfigured((Problem(str(path), 0, path.name, what, fix),))
