"""A hash of the page that the citizen saw: the record can prove its words without holding any value."""

import json
from collections.abc import Mapping
from hashlib import sha256

from policies.parties import PurposeId
from policies.release import Decision


def notice_hash(*, template: str, language: str, purpose_id: PurposeId, decision: Decision) -> str:
    """SHA-256 (hex) over canonical JSON of template version, language, purpose, and names and forms shown (decision 22).

    `decision` is the one that the page shows, before the citizen's choice. Withheld attributes stand in the form asked for.
    """
    released = {str(attribute.name): str(attribute.form) for attribute in decision.released}
    withheld = {str(r.name): str(r.asked) for r in decision.rulings if r.name not in released}
    return hash_of_notice(template, language, purpose_id, released, withheld)


def hash_of_notice(
    template: str, language: str, purpose_id: str, released: Mapping[str, str], withheld: Mapping[str, str]
) -> str:
    """The same, from the names and forms that the page shows as going and as not going."""
    shown = {
        "language": language,
        "purpose": purpose_id,
        "released": released,
        "template": template,
        "withheld": withheld,
    }
    text = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()
