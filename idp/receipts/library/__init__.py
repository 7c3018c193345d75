"""Libraries for services, one file each: copy the one you need. They check receipts, and import nothing of the broker."""
