"""The configuration folder and its settings, read and checked. It knows no server and no database."""
