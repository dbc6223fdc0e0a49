-- How layers of one shape were read when a department last published one: proposed to it again.
CREATE TABLE catalog.confirmed_reading (
    department text NOT NULL,
    -- SHA-256 of format, FeatureType and the sorted normalised names of all columns (ingest.confirmed_reading).
    shape text NOT NULL,
    feature_type text NOT NULL,
    -- Normalised column -> field, empty for a column that was left out; normalised column -> unit.
    mapping jsonb NOT NULL,
    units jsonb NOT NULL DEFAULT '{}',
    confirmed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (department, shape)
);
