"""Everything that touches the world: network, files, database, clock."""
