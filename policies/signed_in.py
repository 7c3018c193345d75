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
        "et": "Teada, et saate sisse logida, ja mitte midagi teie kohta",
        "zh-Hans": "仅确认您能够登录，不获取任何个人信息",  # noqa: RUF001 # Chinese
    },
    basis=Basis.CONSENT,
    law={
        "en": "Regulation (EU) 2016/679, article 6(1)(a)",
        "et": "Määrus (EL) 2016/679, artikli 6 lõike 1 punkt a",
        "zh-Hans": "欧盟第 2016/679 号条例第 6 条第 1 款 a 项",
    },
    controller=Controller(
        {
            "en": "Whoever runs this service: nobody has verified who that is",
            "et": "Selle teenuse pidaja: keegi ei ole kontrollinud, kes see on",
            "zh-Hans": "此服务的运营者（其身份未经任何人核实）",  # noqa: RUF001 # Chinese
        },
        "",
    ),
    needs={},
    minimum_assurance=LevelOfAssurance.LOW,
    digest=sha256(_VERSION).hexdigest(),
    source=Source("built-in", 0),
)
