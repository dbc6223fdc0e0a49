-- The 1,000 buildings after the first 100,000, as finished GeoJSON features, CRS84h with heights above the ellipsoid: the bound of
-- serve.deep_page. :after is the last of those before.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
SELECT convert_to(coalesce(string_agg('{"type":"Feature","id":"2.25.1.2.1.' || fid || '","geometry":'
    || coalesce(ST_AsGeoJSON(ST_Transform(ST_SetSRID(ST_Transform(geom, 4326), 998001), 4979), 9, 0), 'null')
    || ',"properties":' || (SELECT row_to_json(p) FROM (SELECT building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to) AS p) || '}', ',') FILTER (WHERE place <= 1000), ''), 'UTF8'),
    count(*), max(fid) FILTER (WHERE place <= 1000)
FROM (SELECT row_number() OVER () AS place, * FROM (
  SELECT fid, geom, building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to
  FROM city.building_d:dataset WHERE dataset = :dataset AND fid > :after ORDER BY fid LIMIT 1001) AS wanted) AS numbered;
