"""The addresses: each takes a request apart, calls one step, and makes the page or the answer."""
