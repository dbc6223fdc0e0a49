"""An ArcGIS FeatureServer, read only, over the same query core as the items: one service a collection, its features in layer 0."""
