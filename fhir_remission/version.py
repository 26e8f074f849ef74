"""The version of this software, in one place."""

VERSION = "0.1.0"
