"""WFS 2.0.0, read only (09-025r1), over the same query core as the items."""
