-- Records of the platform. Geometry of features is never here.

CREATE TABLE catalog.deployment (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL,
    storage_srid integer NOT NULL,
    vertical text NOT NULL,
    extent_deg double precision[] CHECK (cardinality(extent_deg) = 4),
    admin_prefix text,
    oid_root text NOT NULL,
    geocentric_pipeline text NOT NULL,
    geocentric_accuracy_m double precision,
    geocentric_operation text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE catalog.feature_type (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,40}$'),
    class_number integer NOT NULL UNIQUE,
    version integer NOT NULL,
    definition jsonb NOT NULL,
    definition_hash text NOT NULL,
    materialised_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE catalog.dataset (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z][a-z0-9_]{0,40}$'),
    feature_type text NOT NULL REFERENCES catalog.feature_type,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    owner_department text NOT NULL DEFAULT '',
    steward text NOT NULL DEFAULT '',
    licence text NOT NULL DEFAULT '',
    sharing text NOT NULL DEFAULT 'open' CHECK (sharing IN ('open', 'shared', 'restricted')),
    tolerance_m double precision NOT NULL CHECK (tolerance_m >= 0),
    source_platform text,
    update_cycle text,
    -- Commit of the newest revision; NULL until the first publish. Readers take it in the statement that reads the rows.
    current_commit bigint
);

CREATE TABLE catalog.commit (
    number bigint PRIMARY KEY,
    time timestamptz NOT NULL UNIQUE,
    actor text NOT NULL,
    reason text NOT NULL,
    name text,
    kind text NOT NULL CHECK (kind IN ('publish', 'rollback')),
    rolled_back_to bigint REFERENCES catalog.commit
);

CREATE TABLE catalog.revision (
    dataset integer NOT NULL REFERENCES catalog.dataset,
    commit bigint NOT NULL REFERENCES catalog.commit,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    count bigint NOT NULL,
    lineage jsonb NOT NULL,
    extent_deg double precision[],
    PRIMARY KEY (dataset, commit)
);

CREATE TABLE catalog.submission (
    id uuid PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('received', 'checked', 'rejected', 'accepted', 'published', 'withdrawn')),
    received_at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    files jsonb NOT NULL,
    options jsonb NOT NULL,
    commit bigint REFERENCES catalog.commit
);

CREATE TABLE catalog.finding (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submission uuid NOT NULL REFERENCES catalog.submission ON DELETE CASCADE,
    part integer,
    rule text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('blocking', 'error', 'warning', 'info')),
    layer text NOT NULL DEFAULT '',
    row bigint,
    key text,
    message_zh text NOT NULL,
    message_en text NOT NULL,
    x double precision,
    y double precision
);
CREATE INDEX finding_submission ON catalog.finding (submission, part, row);

CREATE TABLE catalog.asset (
    dataset integer NOT NULL REFERENCES catalog.dataset,
    revision bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tileset', 'terrain')),
    variant text NOT NULL,
    state text NOT NULL CHECK (state IN ('missing', 'building', 'ready', 'failed')),
    -- Only the builder that holds the highest fencing number may register what it built.
    fencing bigint NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    detail jsonb NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, revision, kind, variant),
    FOREIGN KEY (dataset, revision) REFERENCES catalog.revision (dataset, commit)
);

-- One row, bumped by every change of what the doors show: a process that cached the catalogue compares it.
CREATE TABLE catalog.version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    value bigint NOT NULL
);
INSERT INTO catalog.version (value) VALUES (1);

GRANT SELECT ON catalog.deployment, catalog.feature_type, catalog.dataset, catalog.commit, catalog.revision, catalog.asset, catalog.version
    TO twin_read_open;
