"""Row checks: pure functions from columns and geometries to findings."""
