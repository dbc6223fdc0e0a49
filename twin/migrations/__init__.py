"""Alembic migrations of schema ``catalog``."""
