-- A vector tile of level :level, wherever it falls, with all properties of its pipes: the bound of serve.mvt_z14 and serve.mvt_z16.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
\set x random(:west, :east)
\set y random(:north, :south)
SELECT ST_AsMVT(tile, 'served', 4096, 'geometry', 'fid') FROM (
  SELECT fid, segment_id, start_node, end_node, kind, material, embedding, outer_diameter_mm, width_mm, section_height_mm,
    section_shape, size_reference, wall_thickness_mm, wall_source, start_depth_m, end_depth_m, start_elevation_m,
    end_elevation_m, start_invert_m, end_invert_m, cover_m, z_reference, flow_direction, pressure, voltage_kv, cable_count,
    hole_count, holes_used, year_laid, owner, state, address, tunnel_id, valid_from, valid_to,
    ST_AsMVTGeom(ST_Transform(ST_Force2D(geom), 3857), ST_TileEnvelope(:level, :x, :y), 4096, 64, true) AS geometry
  FROM city.pipe_segment_d:dataset
  WHERE dataset = :dataset AND geom && ST_Transform(ST_TileEnvelope(:level, :x, :y, margin => 64.0 / 4096), 4549)) AS tile
WHERE geometry IS NOT NULL;
