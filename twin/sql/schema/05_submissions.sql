-- Submissions in two steps: what is asked of a check, how far it is, what it found, and what it staged until it is published or withdrawn.

ALTER TABLE catalog.submission
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now(),
    -- True when the files are in the store, so that a check can be made (again) at any time.
    ADD COLUMN stored boolean NOT NULL DEFAULT false,
    ADD COLUMN proposals jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN request jsonb,
    -- A check has been asked for and has not ended: whoever holds no claim on it may begin.
    ADD COLUMN check_wanted boolean NOT NULL DEFAULT false,
    ADD COLUMN attempt integer NOT NULL DEFAULT 0,
    ADD COLUMN progress jsonb,
    ADD COLUMN result jsonb,
    ADD COLUMN problem jsonb;
CREATE INDEX submission_received ON catalog.submission (received_at DESC, id);
CREATE INDEX submission_wanted ON catalog.submission (id) WHERE check_wanted;

CREATE TABLE catalog.submission_part (
    submission uuid NOT NULL REFERENCES catalog.submission ON DELETE CASCADE,
    part integer NOT NULL,
    dataset integer NOT NULL REFERENCES catalog.dataset,
    mode text,
    first_load boolean,
    -- Commit of the dataset the staged rows were compared with; NULL when it had none.
    base_commit bigint,
    rows bigint,
    hash bigint,
    counts jsonb,
    replaceable bigint,
    -- Dataset id → commit of everything else the check read: terrain, boundaries, nodes.
    inputs jsonb,
    lineage jsonb,
    kept_keys text[],
    area bytea,
    PRIMARY KEY (submission, part)
);
CREATE INDEX submission_part_dataset ON catalog.submission_part (dataset);

-- Who may write. A token has 256 random bits, so its plain SHA-256 tells nothing of it.
CREATE TABLE catalog.token (
    name text PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 80),
    sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    made_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- What open pages are told. Channel twin_event; delivered when the transaction commits.
CREATE FUNCTION catalog.tell_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A notification holds less than 8000 bytes: a commit of very many datasets names none, and pages read everything anew.
    PERFORM pg_notify('twin_event', json_build_object('event', 'commit', 'number', NEW.number, 'datasets',
        coalesce((SELECT json_agg(d.slug ORDER BY d.slug) FROM catalog.revision AS r JOIN catalog.dataset AS d ON d.id = r.dataset
                  WHERE r.commit = NEW.number HAVING count(*) <= 100), '[]'::json))::text);
    RETURN NULL;
END
$$;
-- Deferred: the revisions of a commit are written after the commit itself.
CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON catalog.commit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION catalog.tell_commit();

CREATE FUNCTION catalog.tell_asset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('twin_event', json_build_object('event', 'asset', 'dataset', (SELECT slug FROM catalog.dataset WHERE id = NEW.dataset),
        'revision', NEW.revision, 'state', NEW.state)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell AFTER UPDATE ON catalog.asset
    FOR EACH ROW WHEN (NEW.state IN ('ready', 'failed') AND NEW.state <> OLD.state) EXECUTE FUNCTION catalog.tell_asset();

CREATE FUNCTION catalog.tell_submission() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('twin_event', json_build_object('event', 'submission', 'id', NEW.id,
        'state', CASE WHEN NEW.check_wanted THEN 'received' ELSE NEW.state END, 'progress', NEW.progress)::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER tell_new AFTER INSERT ON catalog.submission FOR EACH ROW EXECUTE FUNCTION catalog.tell_submission();
CREATE TRIGGER tell AFTER UPDATE ON catalog.submission
    FOR EACH ROW WHEN ((NEW.state, NEW.progress, NEW.check_wanted) IS DISTINCT FROM (OLD.state, OLD.progress, OLD.check_wanted)) EXECUTE FUNCTION catalog.tell_submission();
