"""The one writer of the tree: it gives leaves their place, signs checkpoints, and compares with its witness."""
