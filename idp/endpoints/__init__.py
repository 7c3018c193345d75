"""All FastAPI: HTTP in, HTTP out. What is decided is decided elsewhere."""
