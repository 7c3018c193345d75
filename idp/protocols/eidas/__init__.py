"""eIDAS: a sending node's frontend and role, a receiving node's metadata, and the refresh of other nodes' metadata."""
