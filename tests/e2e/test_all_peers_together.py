"""A login in which only the broker is ours: npm `samlp` vouches, Chromium carries, npm `openid-client` asks and judges."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import decide, window
from tests.interop.node import Node, require_node
from tests.interop.samlp_country import PERSON, StageWithSamlp
from tests.interop.walking import opened

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("binding", ["redirect", "post"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_login_between_strangers(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory, binding: str, *, scripts: bool
) -> None:
    require_node("samlp")
    require_node("openid-client")
    folder = tmp_path_factory.mktemp("together") / "stage"
    with (
        opened(StageWithSamlp(folder, binding)) as stage,
        Node("openid_client_rp.mjs", {}) as rp,
        window(chromium, scripts=scripts, locale="et") as opened_window,
    ):
        page, service = opened_window.page, stage.city._parties["parking"].service
        asked = {
            "issuer": stage.issuer,
            "client_id": "parking",
            "secret": service.secret,
            "redirect_uri": service.redirect_uri,
            "scope": f"openid purpose:{service.purpose} {service.scope}",
            "alg": service.alg,
            "parameters": {"ui_locales": "zh-Hans et"},
        }
        page.goto(str(rp.ask({"begin": asked})["url"]))
        assert page.locator("html").get_attribute("lang") == "zh-Hans"
        page.click("a[href$='/at/samlp']")
        if binding == "post" and not scripts:
            page.click("form button")
        page.click("text=Continue")
        page.check("input[name='share.email']")
        decide(page)
        page.wait_for_url(f"{service.redirect_uri}?**")
        # The city's own site does not know this state, so the code is still the other relying party's
        expect(page.locator("main")).to_contain_text("state")
        said = rp.ask({"answer": page.url})
        assert opened_window.complaints == []
    userinfo = said["userinfo"]
    assert isinstance(userinfo, dict)
    del userinfo["sub"]
    email = PERSON["urn:oid:0.9.2342.19200300.100.1.3"]
    assert userinfo == {"age_over_18": True, "email": email, "resident_of": {"Storkhaven": True}}
