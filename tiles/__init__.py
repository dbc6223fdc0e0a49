"""3D Tiles 1.1 and quantized-mesh terrain from the features and coverages of a revision."""
