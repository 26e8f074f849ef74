"""What we offer and write, for registries and validators: the resources of an npm-style package."""
