-- Jobs of OGC API - Processes: what was asked for and by whom, how far it is, what came of it. procrastinate only wakes the worker: this
-- is the truth. A job runs under a lease that ends when its worker is lost; whoever takes it next has a higher fencing number.
CREATE TABLE IF NOT EXISTS catalog.process_job (
    id uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    process text NOT NULL,
    -- 'token:' and its name, or 'address:' and a keyed hash of the network address it was asked for from.
    asker text NOT NULL,
    -- What the asker may see: the job reads no more.
    classes text[] NOT NULL,
    commit bigint NOT NULL,
    inputs jsonb NOT NULL,
    response text NOT NULL CHECK (response IN ('raw', 'document')),
    transmission text NOT NULL CHECK (transmission IN ('value', 'reference')),
    state text NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    progress smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    message jsonb NOT NULL DEFAULT '{"zh": "等待执行", "en": "waiting"}',
    attempt integer NOT NULL DEFAULT 0,
    fencing integer NOT NULL DEFAULT 0,
    lease_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    changed_at timestamptz NOT NULL DEFAULT now(),
    result jsonb,
    problem jsonb
);
CREATE INDEX IF NOT EXISTS process_job_asker ON catalog.process_job (asker, number DESC);
CREATE INDEX IF NOT EXISTS process_job_unfinished ON catalog.process_job (number) WHERE state IN ('accepted', 'running');
CREATE INDEX IF NOT EXISTS process_job_finished ON catalog.process_job (finished_at) WHERE finished_at IS NOT NULL;
