"""How countries' nodes write an attribute that eIDAS itself does not have."""

from dataclasses import dataclass

STRING = "{http://www.w3.org/2001/XMLSchema}string"


@dataclass(frozen=True, slots=True)
class EidasForm:
    """An additional attribute between countries' nodes: `type` is `{namespace}local`, `pattern` "" where any text will do.

    `required`: our questions require it. `transliterated`: a value in another script has one in Latin beside it.
    """

    type: str
    friendly_name: str
    required: bool = False
    transliterated: bool = False
    pattern: str = ""
