"""What a site remembers: database, lease, lock."""
