-- A vector tile of level :level, wherever it falls, with all properties of its buildings: the bound of serve.mvt_z14 and serve.mvt_z16.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
\set x random(:west, :east)
\set y random(:north, :south)
SELECT ST_AsMVT(tile, 'served', 4096, 'geometry', 'fid') FROM (
  SELECT fid, building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to,
    ST_AsMVTGeom(ST_Transform(ST_Force2D(geom), 3857), ST_TileEnvelope(:level, :x, :y), 4096, 64, true) AS geometry
  FROM city.building_d:dataset
  WHERE dataset = :dataset AND geom && ST_Transform(ST_TileEnvelope(:level, :x, :y, margin => 64.0 / 4096), 4549)) AS tile
WHERE geometry IS NOT NULL;
