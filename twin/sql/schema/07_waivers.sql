-- Reports and waivers: what a finding says beyond its message, findings that are counted but not kept, and what a reviewer let pass.

-- A reviewer may also waive findings.
ALTER TABLE catalog.token ADD COLUMN role text NOT NULL DEFAULT 'writer' CHECK (role IN ('writer', 'reviewer'));

ALTER TABLE catalog.finding
    DROP CONSTRAINT finding_severity_check,
    ADD CONSTRAINT finding_severity_check CHECK (severity IN ('blocking', 'error', 'review', 'warning', 'info')),
    ADD COLUMN file text NOT NULL DEFAULT '',
    -- What the source has there, and what may be meant.
    ADD COLUMN value text,
    ADD COLUMN proposal text,
    -- Why a reviewer let it pass, and who; a waived finding rejects nothing.
    ADD COLUMN waived text,
    ADD COLUMN waived_by text,
    ADD CONSTRAINT finding_waived_by CHECK ((waived IS NULL) = (waived_by IS NULL));
CREATE INDEX finding_number ON catalog.finding (submission, number);

-- Of one rule and part only so many findings are kept (ingest.tally); of the others there is the number.
CREATE TABLE catalog.finding_omitted (
    submission uuid NOT NULL REFERENCES catalog.submission ON DELETE CASCADE,
    part integer NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    waived boolean NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (submission, part, rule, severity, waived)
);

-- What a reviewer let pass of a submission: a rule for one feature (by key, or by file, layer and row), or the whole rule.
CREATE TABLE catalog.waiver (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submission uuid NOT NULL REFERENCES catalog.submission ON DELETE CASCADE,
    rule text NOT NULL,
    dataset text,
    key text,
    file text,
    layer text,
    row bigint,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    reviewer text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    withdrawn_by text,
    CHECK (key IS NULL OR row IS NULL),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX waiver_submission ON catalog.waiver (submission, number);
CREATE INDEX waiver_again ON catalog.waiver (dataset, rule);
