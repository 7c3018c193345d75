"""The only verification: what leaves here is `Signed`, and everything is read from those octets alone."""
