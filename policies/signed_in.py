"""The one purpose of clients that register themselves: to learn that somebody signed in, at which level, and nothing else.

No file of a configuration says it, and no file can have its id. Its clients are in `RelyingParty.registered`.
"""

from hashlib import sha256

from policies.assurance import LevelOfAssurance
from policies.parties import PurposeId, Source
from policies.purposes import Basis, Controller, Purpose

# No identifier of a file has a colon
SIGNED_IN_ID = PurposeId("built-in:signed-in")
_VERSION = b"ciconia built-in purpose signed-in, version 1"

SIGNED_IN = Purpose(
    purpose_id=SIGNED_IN_ID,
    title={
        "en": "To know that you can sign in, and nothing about you",
    },
    basis=Basis.CONSENT,
    law={
        "en": "Regulation (EU) 2016/679, article 6(1)(a)",
    },
    controller=Controller(
        {
            "en": "Whoever runs this service: nobody has verified who that is",
        },
        "",
    ),
    needs={},
    minimum_assurance=LevelOfAssurance.LOW,
    digest=sha256(_VERSION).hexdigest(),
    source=Source("built-in", 0),
)
