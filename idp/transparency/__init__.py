"""The release ledger: leaves, tree, checkpoints, the sequencer and the check of it all."""
