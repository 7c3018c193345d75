"""The headers of each kind of page, and the files beside the pages."""

import base64
import hashlib
import re

import pytest

from idp.pages.headers import SUBMIT_SCRIPT, SUBMIT_SCRIPT_HASH, headers
from idp.pages.static import MARK_FILE, STATIC_FILES, STYLE_FILE, StaticFile
from idp.pages.views import PageKind


def _policy(kind: PageKind) -> dict[str, str]:
    pairs = (part.strip().partition(" ") for part in headers(kind)["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in pairs}


@pytest.mark.spec("security.md §2.4")
@pytest.mark.spec("RFC 9700 §4.16")
def test_nothing_is_framed_kept_sniffed_or_loaded_from_elsewhere() -> None:
    for kind in PageKind:
        got, policy = headers(kind), _policy(kind)
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["style-src"] == policy["img-src"] == "'self'"
        assert (got["X-Frame-Options"], got["Cache-Control"], got["X-Content-Type-Options"]) == (
            "DENY",
            "no-store",
            "nosniff",
        )
        assert got["Cross-Origin-Opener-Policy"] == got["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in got["Permissions-Policy"]
        assert "unsafe" not in got["Content-Security-Policy"]


@pytest.mark.spec("decisions.md 7")
def test_a_page_that_posts_a_message_has_no_form_action_and_others_post_to_us_alone() -> None:
    assert "form-action" not in _policy(PageKind.POST)
    assert _policy(PageKind.FORM)["form-action"] == _policy(PageKind.PLAIN)["form-action"] == "'self'"


@pytest.mark.spec("decisions.md 7")
def test_only_a_page_that_posts_a_message_may_run_a_script_and_only_the_one_line() -> None:
    assert _policy(PageKind.POST)["script-src"] == f"'{SUBMIT_SCRIPT_HASH}'"
    assert "script-src" not in _policy(PageKind.FORM) | _policy(PageKind.PLAIN)
    digest = base64.b64decode(SUBMIT_SCRIPT_HASH.removeprefix("sha256-"))
    assert digest == hashlib.sha256(SUBMIT_SCRIPT.encode()).digest()


@pytest.mark.spec("decisions.md 7")
@pytest.mark.spec("RFC 9700 §4.2")
def test_pages_with_forms_keep_the_origin_of_an_honest_post_and_the_others_tell_nobody() -> None:
    assert headers(PageKind.FORM)["Referrer-Policy"] == headers(PageKind.POST)["Referrer-Policy"] == "same-origin"
    assert headers(PageKind.PLAIN)["Referrer-Policy"] == "no-referrer"


def test_the_style_sheet_has_at_most_ten_kilobytes_and_loads_nothing() -> None:
    style = STYLE_FILE.content
    assert len(style) <= 10_000
    assert not re.search(rb"url\(|@import|expression|https?:", style)


def test_the_style_sheet_is_for_dark_screens_keyboards_paper_and_small_screens() -> None:
    for needed in ["prefers-color-scheme: dark", ":focus-visible", "@media print", "max-width: 34rem"]:
        assert needed in STYLE_FILE.content.decode()


@pytest.mark.parametrize("file", STATIC_FILES, ids=lambda file: file.path)
def test_a_file_is_named_by_its_content_and_kept_for_ever(file: StaticFile) -> None:
    changed = StaticFile(file.path, file.media_type, file.content + b" ")
    assert changed.href != file.href
    assert changed.etag != file.etag
    assert file.href.startswith(f"{file.path}?v=")
    assert re.fullmatch(r'"[0-9a-f]{16}"', file.etag)
    assert file.headers["ETag"] == file.etag
    assert "immutable" in file.headers["Cache-Control"]


def test_the_mark_holds_no_script_and_no_address() -> None:
    assert b"script" not in MARK_FILE.content
    assert not re.search(rb"href|url\(|\bon[a-z]+=", MARK_FILE.content)
