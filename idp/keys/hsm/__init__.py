"""Keys in a hardware security module, by PKCS#11: a key file names one in place of PEM, and no key leaves its token."""
