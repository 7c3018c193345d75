"""What operators, administrators and the product did, as auditors ask for it: a typed list, and a stream for a SIEM."""
