"""The SAML service providers of `make interop`: what each is, how it is registered, and which faults are its own."""

from tests.interop.peer import HERE, PyPI
from tests.interop.programs import in_python
from tests.interop.provider_stage import Command
from tests.interop.service_stage import AUDIENCE, STRIPPED, Service, each

PROGRAMS = HERE / "services"


def python(program: str) -> Command:
    """A program for the peers' own Python."""
    return lambda _: in_python(PROGRAMS / program)


SERVICES: tuple[Service, ...] = (
    Service(
        name="pysaml2 as a service",
        package=PyPI("pysaml2"),
        documented="its page on configuration, with algorithms of today, and the client's four methods of its examples",
        command=python("pysaml2_sp.py"),
        flows=(*each("asks by Redirect, encrypted"), *each("asks by POST")),
        says={AUDIENCE: "AudienceRestrictions conditions not satisfied", STRIPPED: "Signature missing"},
    ),
)
