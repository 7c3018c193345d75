"""The machine: clock, files and who owns them, log lines, addresses. It imports no other room."""
