-- The about 500 pipes in a box of degrees, wherever it falls, as finished GeoJSON features, CRS84h with heights above the ellipsoid: the
-- bound of serve.bbox500.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
\set x random(0, 1000000)
\set y random(0, 1000000)
\set w :west + (:east - :west) * :x / 1000000.0
\set s :south + (:north - :south) * :y / 1000000.0
SELECT convert_to(coalesce(string_agg('{"type":"Feature","id":"2.25.1.2.2.' || fid || '","geometry":'
    || coalesce(ST_AsGeoJSON(ST_Transform(ST_SetSRID(ST_Transform(geom, 4326), 998001), 4979), 9, 0), 'null')
    || ',"properties":' || (SELECT row_to_json(p) FROM (SELECT segment_id, start_node, end_node, kind, material, embedding, outer_diameter_mm, width_mm, section_height_mm,
    section_shape, size_reference, wall_thickness_mm, wall_source, start_depth_m, end_depth_m, start_elevation_m,
    end_elevation_m, start_invert_m, end_invert_m, cover_m, z_reference, flow_direction, pressure, voltage_kv, cable_count,
    hole_count, holes_used, year_laid, owner, state, address, tunnel_id, valid_from, valid_to) AS p) || '}', ',') FILTER (WHERE place <= 1000), ''), 'UTF8'),
    count(*), max(fid) FILTER (WHERE place <= 1000)
FROM (SELECT row_number() OVER () AS place, * FROM (
  SELECT fid, geom, segment_id, start_node, end_node, kind, material, embedding, outer_diameter_mm, width_mm, section_height_mm,
    section_shape, size_reference, wall_thickness_mm, wall_source, start_depth_m, end_depth_m, start_elevation_m,
    end_elevation_m, start_invert_m, end_invert_m, cover_m, z_reference, flow_direction, pressure, voltage_kv, cable_count,
    hole_count, holes_used, year_laid, owner, state, address, tunnel_id, valid_from, valid_to
  FROM city.pipe_segment_d:dataset WHERE dataset = :dataset
    AND geom && ST_Transform(ST_MakeEnvelope(:w, :s, :w + :width, :s + :height, 4326), 4549)
    AND ST_Intersects(geom, ST_Transform(ST_MakeEnvelope(:w, :s, :w + :width, :s + :height, 4326), 4549)) ORDER BY fid LIMIT 1001) AS wanted) AS numbered;
