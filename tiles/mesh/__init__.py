"""Pure meshing: footprints, centre lines and points become closed triangle meshes in the storage CRS."""
