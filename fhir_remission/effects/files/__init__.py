"""Files: tables, overlay, spool, workers, results."""
