"""A login's story and its states.

It knows services by `frontend`, our role by `role`, and what it needs of a store by `idp.ports`.
"""
