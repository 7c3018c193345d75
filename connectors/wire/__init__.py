"""Names and JSON as they stand on the wire. Signatures and formats read both; nothing of ours is imported here."""
