"""FeatureTypes and code lists as YAML under a JSON Schema, and what derives from them without a database."""
