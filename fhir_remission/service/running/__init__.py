"""The application and the servers it runs on."""
