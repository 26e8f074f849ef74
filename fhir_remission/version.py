"""The version of this software, in one place."""

VERSION = "0.2.0"
FIRST_VERSION = "0.1.0"
"""The one that wrote no site marks."""
