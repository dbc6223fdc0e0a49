"""How features look: style and legend from a FeatureType's code lists and ramps; a JSON file, here or in a deployment, overrides."""
