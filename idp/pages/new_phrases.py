"""English phrases that the catalogues do not have yet: pages of every language show them so until they do."""

NEW_PHRASES = {
    "reason.not_in_register": "The register has nothing about it.",
    "reason.register_away": "The register does not answer at the moment.",
    "reason.source_unsure": "Its source is not sure enough for it.",
    "picker.from": "Where from?",
    "picker.from_sign_in": "Your country's sign-in",
    "picker.from_none": "Leave it out",
    "picker.from_hint": "Choose one. Nobody else is asked for it.",
    "item.from": "From:",
    "item.finds": "It finds you by:",
    "error.register_unavailable.title": "A register does not answer",
    "error.register_unavailable.text": (
        "You are signed in, but a register that this service needs does not answer at the moment. Nothing was shared."
    ),
    "error.mover.register": "You can try again in a few minutes. If it happens again, ask the office named here.",
    "error.register": "Register",
    "error.helper": "Office",
}
