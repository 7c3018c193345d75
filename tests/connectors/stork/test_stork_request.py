"""STORK's request: what we write is valid to its schemas, and what we read is a closed grammar."""

from dataclasses import replace

import pytest

from connectors.checks import ALL_CHECKS, EIDAS_CHECKS, REQUEST_CHECKS, STORK_REQUEST_CHECKS
from connectors.formats.stork.registry import BASE
from connectors.formats.stork.request import StorkRequest, read_request, request_element
from policies.errors import AssertionRejected
from tests.connectors.stork import judge
from tests.connectors.stork.made import REQUEST, edited, signed

QAA = "<stork:QualityAuthenticationAssuranceLevel>3</stork:QualityAuthenticationAssuranceLevel>"
SECTOR = "<stork:spSector>public</stork:spSector>"
SHARE = "<storkp:eIDSectorShare>false</storkp:eIDSectorShare>"
INFORMATION = "<storkp:SPInformation><storkp:SPID>STORKHAVEN</storkp:SPID></storkp:SPInformation>"


@pytest.mark.spec("eidas.md §20 extensions; eidas.md §20 share flags; eidas.md §20 requested values")
@pytest.mark.parametrize(
    "asked",
    [
        REQUEST,
        replace(REQUEST, sector="", institution="", application="", country="", vidp=None),
        replace(REQUEST, qaa="4", sector_share=True, cross_sector_share=True, cross_border_share=True),
    ],
)
def test_what_we_ask_is_valid_and_is_read_again_as_it_was(asked: StorkRequest) -> None:
    element = request_element(asked)
    judge.assert_valid(element)
    assert read_request(signed(element)) == asked


@pytest.mark.spec("eidas.md §20 order; eidas.md §20 level; eidas.md §20 SPInformation")
@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (QAA + SECTOR, SECTOR + QAA, "extension_order"),
        (SHARE, SHARE + SHARE, "extension_order"),
        (QAA, QAA.replace("3", "5"), "qaa"),
        (QAA, QAA.replace("3", "03"), "qaa"),
        (QAA, "", "qaa"),
        (SHARE, SHARE.replace("false", "no"), "boolean"),
        (SECTOR, SECTOR.replace("public", "p" * 21), "sp_description"),
        (">ST<", ">st<", "country_code"),
        (SECTOR, SECTOR + "<stork:spColour>red</stork:spColour>", "unknown_element"),
        (INFORMATION, "", "sp_information"),
        ("<storkp:SPID>STORKHAVEN</storkp:SPID>", "", "sp_information"),
        (INFORMATION, INFORMATION * 2, "unknown_element"),
        (">18<", ">eighteen<", "requested_value"),
        ("attrname-format:uri", "attrname-format:basic", "name_format"),
        (' ProviderName="City of Storkhaven"', "", "missing_attribute"),
        ("AssertionConsumerServiceURL=", "AttributeConsumingServiceURL=", "missing_attribute"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_by_name(old: str, new: str, check: str) -> None:
    with pytest.raises(AssertionRejected) as refused:
        read_request(edited(request_element(REQUEST), old, new))
    assert refused.value.check == check
    assert check in {*ALL_CHECKS, *EIDAS_CHECKS, *REQUEST_CHECKS, *STORK_REQUEST_CHECKS}


def test_of_values_the_age_alone_is_read_and_is_short() -> None:
    long = "<stork:AttributeValue>" + "0" * 180_000 + "</stork:AttributeValue>"
    element = request_element(REQUEST)
    beside = 'FriendlyName="surname" isRequired="true"'
    read = read_request(edited(element, f"{beside}/>", f"{beside}>{long}</stork:RequestedAttribute>"))
    assert read == REQUEST
    with pytest.raises(AssertionRejected) as refused:
        read_request(edited(element, ">18<", f">{'1' * 33}<"))
    assert refused.value.check == "text"


def test_no_attributes_are_no_request_and_unknown_ones_pass_the_grammar() -> None:
    unknown = edited(request_element(REQUEST), f"{BASE}surname", "urn:example:isdnie")
    assert [one.name for one in read_request(unknown).attributes][1] == "urn:example:isdnie"
    with pytest.raises(ValueError, match="no attributes"):
        request_element(replace(REQUEST, attributes=()))
