"""From files to revisions: sandboxed readers, mapping, checks, staging, publish."""
