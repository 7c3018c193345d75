"""FLOOR 2: how we answer relying parties. May import `policies` and `connectors`."""
