"""The configuration folder and its settings, read and checked. It checks a database's address, and opens no database."""
