"""The eIDAS SAML profile on the wire: requests, responses, metadata and the minimum data set."""
