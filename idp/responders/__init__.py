"""What we say to relying parties, and to other countries' nodes: one file a protocol."""
