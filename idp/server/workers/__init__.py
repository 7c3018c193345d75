"""Worker processes: they are started, replaced, reloaded and let go."""
