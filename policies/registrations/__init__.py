"""A registration's choices by protocol: plain values, which `policies.load` reads and `policies.parties` holds."""
