"""STORK as the citizen's country (C-PEPS or middleware): requests judged and answered, and what of a person goes."""
