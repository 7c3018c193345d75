"""English phrases that the catalogues do not have yet: pages of every language show them so until they do."""

NEW_PHRASES = {
    "reason.not_in_register": "The register has nothing about it.",
    "reason.register_away": "The register does not answer at the moment.",
    "reason.source_unsure": "Its source is not sure enough for it.",
}
