"""HTTP among the demo's parties: `*.localhost` is this machine, which Python's resolver does not know by itself."""

from urllib.parse import urlsplit

import httpx2

# A machine that is busy with other work answers late
TIMEOUT = 30.0


def client() -> httpx2.Client:
    """A client that follows no redirect by itself and keeps no cookies."""
    return httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)


def send(
    http: httpx2.Client, method: str, url: str, *, headers: dict[str, str] | None = None, content: bytes | None = None
) -> httpx2.Response:
    """Sends to a `*.localhost` address over 127.0.0.1, its name in the Host header. Raises ValueError for other hosts."""
    parts = urlsplit(url)
    if parts.hostname is None or not parts.hostname.endswith(".localhost"):
        raise ValueError("the demo speaks to *.localhost alone")
    target = parts._replace(netloc=f"127.0.0.1:{parts.port or 80}").geturl()
    return http.request(method, target, headers={**(headers or {}), "host": parts.netloc}, content=content)
