"""What we say to relying parties: one file a protocol."""
