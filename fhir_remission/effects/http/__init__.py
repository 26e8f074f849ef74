"""One request: transport, retry, origin, login."""
