"""The process that listens: HTTP server, limits, and wrong answers counted."""
