"""A QR code as SVG that stands in a page: an address that a phone's camera reads."""

from io import BytesIO

import segno
from markupsafe import Markup

# Trying all eight masks for the best one takes five times as long, and any of them reads
MASK = 3
# The quiet zone that the standard asks for (ISO/IEC 18004 §9.1)
BORDER = 4


def qr_code(text: str) -> Markup:
    """The code of `text`, black on white in every theme: cameras want that."""
    out = BytesIO()
    segno.make(text, micro=False, mask=MASK).save(
        out, kind="svg", border=BORDER, light="#fff", xmldecl=False, svgns=False, omitsize=True, nl=False
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - segno's own elements, which hold nothing of the text
