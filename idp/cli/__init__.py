"""The command line: one file a group of commands. Names, JSON and exit codes are a contract."""
