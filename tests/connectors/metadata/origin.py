"""A server on loopback that answers what a test says, byte by byte, and a certification authority for it."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

LOOPBACK = ("127.0.0.0/8",)
Answer = Callable[[socket.socket], None]


def body(octets: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """An honest answer."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(octets)}", *headers, "", ""])
    return lambda connection: connection.sendall(head.encode() + octets)


def raw(*pieces: bytes, pause: threading.Event | None = None, each: float = 0.0) -> Answer:
    """These octets; with `pause`, `each` seconds between two of them, or less where the test is over."""

    def send(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            if pause is not None and pause.wait(each):
                return

    return send


class Origin:
    """One listening socket. `heads` holds the request heads that came, `accepted` counts connections."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.heads: list[str] = []
        self.accepted = 0
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port: int = self._socket.getsockname()[1]
        self._start(self._accept)

    @property
    def netloc(self) -> str:
        return f"node.localhost:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}/metadata"

    def await_closed(self) -> None:
        """Wait until every connection so far was served, and closed."""
        for thread in self._threads[1:]:
            thread.join(5)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.accepted += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # The client closes whenever it has seen enough: that is what the tests are about
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            if self._tls is None:
                self._talk(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._talk(secured)

    def _talk(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(4096)
            if not received:
                return
            head += received
        self.heads.append(head.decode())
        self.answer(connection)


@contextlib.contextmanager
def origin(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Origin]:
    server = Origin(answer, tls)
    try:
        yield server
    finally:
        server.close()


class Authority:
    """A certification authority that nobody trusts but who asks for `trust()`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._certificate(self._name, self._key.public_key(), None)

    def trust(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, name: str) -> ssl.SSLContext:
        """A server's context with a certificate of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
        certificate = self._certificate(subject, key.public_key(), name)
        file = self._folder / f"{name}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, name: str | None) -> x509.Certificate:
        # TLS reads the real clock
        begin = datetime.now(UTC) - timedelta(days=1)
        signs = name is None
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=signs,
                    crl_sign=signs,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
        )
        if name is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self._key, SHA256())
