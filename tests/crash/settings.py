"""The site that the crash tests write from: one text for the world in memory and for processes."""

AS_OF = "2026-10-01T12:00:00Z"
SETTINGS = """\
[site]
id = "{name}"
timezone = "Europe/Berlin"
[source]
base_url = "{base_url}"
rate = "100000/s"
[cohort]
kind = "list"
[sink.main]
kind = "repository"
[write]
max_changed_share = "1"
[log]
level = "error"
"""
