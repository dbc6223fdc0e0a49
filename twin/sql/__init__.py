"""SQL as files: what a database stands on, and named queries."""
