"""Our keys: their files, when each begins, and how one is changed. It knows no server and no database."""
