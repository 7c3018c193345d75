"""The release ledger as data: what a record says, its leaf, the Merkle tree, checkpoints, and the ledger's keys.

It reads and writes no database.
"""
