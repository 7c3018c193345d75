"""Where keys live: files for now."""
