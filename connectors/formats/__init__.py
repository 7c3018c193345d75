"""Bytes to typed messages and back, no cryptography: a closed grammar, where what is unknown refuses."""
