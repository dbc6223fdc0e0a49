-- One building by its id, as a finished GeoJSON feature, CRS84h with its height above the ellipsoid: the bound of serve.item.
-- Frozen 2026-11-21: it is not changed when the server's own SQL changes. :dataset is the number of the dataset.
\set fid random(:first, :last)
SELECT convert_to('{"type":"Feature","id":"2.25.1.2.1.' || fid || '","geometry":'
    || coalesce(ST_AsGeoJSON(ST_Transform(ST_SetSRID(ST_Transform(geom, 4326), 998001), 4979), 9, 0), 'null')
    || ',"properties":' || (SELECT row_to_json(p) FROM (SELECT building_id, name, usage, floors_above, floors_below, height_m, base_height_m, base_height_source, year_built, address,
    structure, roof_type, parcel_id, permit_no, height_source, valid_from, valid_to) AS p) || '}', 'UTF8')
FROM city.building_d:dataset WHERE dataset = :dataset AND fid = :fid;
