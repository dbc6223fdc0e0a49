"""The query core: FeatureQuery + Principal → SQL with bound parameters, for every door (items, tiles, builds, exports)."""
