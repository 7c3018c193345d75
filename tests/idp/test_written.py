"""An answer in one piece is what uvicorn writes of it, and whatever is unusual is left to uvicorn."""

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE

from idp.written import written

LENGTH = (b"content-length", b"2")
TYPE = (b"content-type", b"text/html; charset=utf-8")


def test_it_is_written_as_uvicorn_writes_it() -> None:
    for status in [200, 201, 303, 400, 404, 409, 421, 429, 500, 503]:
        headers = [TYPE, LENGTH, (b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=\t\xfc")]
        head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        assert written(status, headers, b"ab") == STATUS_LINE[status] + head + b"\r\nab"


def test_no_octet_stands_in_a_value_that_uvicorn_refuses() -> None:
    for octet in range(256):
        value = b"a" + bytes((octet,)) + b"b"
        refused = HEADER_VALUE_RE.search(value) is not None
        assert (written(200, [LENGTH, (b"location", value)], b"ab") is None) == refused


def test_no_octet_stands_in_a_name_that_uvicorn_refuses() -> None:
    for octet in range(256):
        name = b"a" + bytes((octet,))
        if HEADER_RE.search(name):
            assert written(200, [LENGTH, (name, b"value")], b"ab") is None


def test_no_value_makes_a_line() -> None:
    for value in [b"a\r\nset-cookie: b=1", b"a\nb", b"a\r\n\r\n<html>", b"\r\n", b"a\r"]:
        assert written(303, [LENGTH, (b"location", value)], b"ab") is None


def test_what_is_unusual_is_not_written() -> None:
    for status, headers, body in [
        (200, [TYPE], b"ab"),
        (200, [LENGTH], b"abc"),
        (200, [LENGTH], b""),
        (200, [LENGTH, LENGTH], b"ab"),
        (200, [(b"content-length", b"02")], b"ab"),
        (200, [(b"content-length", b"")], b"ab"),
        (200, [LENGTH, (b"transfer-encoding", b"chunked")], b"ab"),
        (200, [LENGTH, (b"connection", b"close")], b"ab"),
        (200, [LENGTH, (b"Connection", b"close")], b"ab"),
        (200, [LENGTH, (b"", b"value")], b"ab"),
        (204, [(b"content-length", b"0")], b""),
        (304, [LENGTH], b"ab"),
        (100, [LENGTH], b"ab"),
        (299, [LENGTH], b"ab"),
    ]:
        assert written(status, headers, body) is None
