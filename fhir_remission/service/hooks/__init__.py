"""CDS Hooks 2.0: what stands beside a chart when it is opened."""
