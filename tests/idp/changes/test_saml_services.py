"""A change of a service's metadata says whose keys count, and which answers go nowhere any more."""

from pathlib import Path

from idp.changes.plan import stopped
from idp.changes.trust import key_changes
from policies.load import load
from tests.idp.protocols.test_saml_identity_provider import House
from tests.idp.web.saml_party import SamlParty


def test_other_keys_and_addresses_of_a_service_are_named(tmp_path: Path) -> None:
    before = House(tmp_path)
    (tmp_path / "new").mkdir()
    new = SamlParty(tmp_path / "new", "", lambda: 0, acs="https://library.storkhaven.example/other")
    after = load({**before.files, "metadata/library.xml": new.metadata().encode()}, (before.files, before.configuration))
    changes = [one for one in key_changes(before.configuration, after) if one.file == "parties/library.toml"]
    assert [one.added for one in changes] == [False, True]
    assert list(stopped(before.configuration, after)) == [
        "City library (library) gets no answer at https://library.storkhaven.example/saml/acs any more."
    ]
