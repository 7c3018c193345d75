"""The release ledger: what was released is recorded, and the record cannot be changed quietly.

`draft` says what a record holds, `entry` commits and encrypts (with `jcs` and `keys`), the store's writer stages the leaf,
`sequencer` gives it its place in the `tree` and signs a `checkpoint`, with `state` as its memory. `verify` (with
`verify_records` and `findings`) computes everything again.
"""
