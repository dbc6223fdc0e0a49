"""What a file says without saying it: encoding, CRS, axes, units, heights, fields; told from a sample, with confidence and evidence."""
