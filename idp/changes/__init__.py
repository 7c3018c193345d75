"""Changes of a configuration: its bundle and history, the plan of a change, and the persons who agree to it."""
