"""A channel to one peer over real sockets: its connections stay open for a moment, and each request has its own bounds."""

import json
from collections.abc import Iterator

import pytest

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from tests.connectors.metadata.origin import LOOPBACK, body, origin, raw
from tests.listening import Handler, Listening


class Echo(Handler):
    """Tells what was asked, over as many requests a connection as the client likes."""

    protocol_version = "HTTP/1.1"

    def get(self) -> None:
        self.post(b"")

    def post(self, form: bytes) -> None:
        told = {"from": self.client_address[1], "form": form.decode(), "proof": self.headers["DPoP"], "what": self.path}
        self.reply(400 if self.path == "/no" else 200, json.dumps(told).encode(), DPoP_Nonce="n-1")


@pytest.fixture
def echo() -> Iterator[str]:
    with Listening(Echo) as server:
        yield f"http://peer.localhost:{server.server_port}"


def test_a_form_is_posted_and_any_status_is_told_with_its_headers(echo: str) -> None:
    answer = Fetcher(demo=True).post(
        f"{echo}/no", {"a": "ä&b=", "c": ""}, headers={"DPoP": "proof"}, networks=LOOPBACK, limit=1000, timeout=5
    )
    told = json.loads(answer.body)
    assert (answer.status, answer.headers["dpop-nonce"]) == (400, "n-1")
    assert (told["form"], told["proof"]) == ("a=%C3%A4%26b%3D&c=", "proof")


def test_a_connection_serves_several_requests_and_each_has_its_own_limit(echo: str) -> None:
    with Fetcher(demo=True).channel(LOOPBACK, connections=2) as channel:
        ports = {json.loads(channel.ask(f"{echo}/{each}", limit=1000, timeout=5).body)["from"] for each in range(3)}
        assert len(ports) == 1
        with pytest.raises(FetchError) as caught:
            channel.ask(f"{echo}/{'x' * 500}", limit=500, timeout=5)
        assert caught.value.check == "size"
        assert channel.ask(echo, form={"a": "b"}, limit=1000, timeout=5).status == 200


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    closing = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with origin(closing) as server, Fetcher(demo=True).channel(LOOPBACK, connections=1) as channel:
        for _ in range(2):
            assert channel.ask(server.url, limit=10, timeout=5).body == b"ok"
            server.await_closed()
        assert server.accepted == 2


def test_each_connection_of_a_channel_is_judged() -> None:
    with origin(body(b"inside")) as server, Fetcher(demo=True).channel((), connections=1) as channel:
        with pytest.raises(FetchError) as caught:
            channel.ask(server.url, form={}, limit=10, timeout=5)
        assert (caught.value.check, server.accepted) == ("address", 0)


def test_a_redirect_of_a_post_is_not_followed(echo: str) -> None:
    with origin(body(b"", f"Location: {echo}", status="307 Temporary Redirect")) as server:
        with pytest.raises(FetchError) as caught:
            Fetcher(demo=True).post(server.url, {"code": "c"}, networks=LOOPBACK, limit=10, timeout=5)
        assert caught.value.check == "redirect"
