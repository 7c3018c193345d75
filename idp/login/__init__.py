"""A login's story and its states.

It knows services by `frontend` and our role by `role`. It writes through `idp.ports`, and asks `idp.store.switches` what is
switched off.
"""
