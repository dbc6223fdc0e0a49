-- Links between features (ingest/links.py): what a declared reference names. Rows stand and end with the commits that make them, as features do.

CREATE TABLE city.object_link (
    dataset integer NOT NULL REFERENCES catalog.dataset,
    fid bigint NOT NULL,
    field text NOT NULL,
    to_dataset integer NOT NULL REFERENCES catalog.dataset,
    to_fid bigint NOT NULL,
    commit_from bigint NOT NULL,
    PRIMARY KEY (dataset, fid, field, to_dataset, to_fid)
);
CREATE INDEX ON city.object_link (to_dataset, to_fid);

CREATE TABLE history.object_link (
    dataset integer NOT NULL REFERENCES catalog.dataset,
    fid bigint NOT NULL,
    field text NOT NULL,
    to_dataset integer NOT NULL REFERENCES catalog.dataset,
    to_fid bigint NOT NULL,
    commit_from bigint NOT NULL,
    commit_to bigint NOT NULL,
    PRIMARY KEY (dataset, fid, field, to_dataset, to_fid, commit_from)
);
CREATE INDEX ON history.object_link (to_dataset, to_fid);
