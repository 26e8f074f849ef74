"""The process and its machine: clock, signals, logs, audit, environment."""
