"""Whom we know, and by what: identity providers pinned in files (`pinned.py`), and other countries' nodes (`peers.py`)."""
