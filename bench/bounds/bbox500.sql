-- The about 500 buildings in a box of degrees, wherever it falls, as finished GeoJSON features, CRS84h with heights above the ellipsoid:
-- the bound of serve.bbox500.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
\set x random(0, 1000000)
\set y random(0, 1000000)
\set w :west + (:east - :west) * :x / 1000000.0
\set s :south + (:north - :south) * :y / 1000000.0
SELECT convert_to(coalesce(string_agg('{"type":"Feature","id":"2.25.1.2.1.' || fid || '","geometry":'
    || coalesce(ST_AsGeoJSON(ST_Transform(ST_SetSRID(ST_Transform(geom, 4326), 998001), 4979), 9, 0), 'null')
    || ',"properties":' || (SELECT row_to_json(p) FROM (SELECT building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to) AS p) || '}', ',') FILTER (WHERE place <= 1000), ''), 'UTF8'),
    count(*), max(fid) FILTER (WHERE place <= 1000)
FROM (SELECT row_number() OVER () AS place, * FROM (
  SELECT fid, geom, building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to
  FROM city.building_d:dataset WHERE dataset = :dataset
    AND geom && ST_Transform(ST_MakeEnvelope(:w, :s, :w + :width, :s + :height, 4326), 4549)
    AND ST_Intersects(geom, ST_Transform(ST_MakeEnvelope(:w, :s, :w + :width, :s + :height, 4326), 4549)) ORDER BY fid LIMIT 1001) AS wanted) AS numbered;
