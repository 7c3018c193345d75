"""Acts of operators, administrators and the product, as auditors ask for them: a typed list, and a stream for a SIEM."""
