-- Findings beyond those that catalog.finding holds row by row (catalog.finding_omitted counts them), some hundreds of one rule together,
-- packed by zlib (ingest.further_findings).
CREATE TABLE IF NOT EXISTS catalog.finding_further (
    submission uuid NOT NULL REFERENCES catalog.submission ON DELETE CASCADE,
    part integer NOT NULL,
    number integer NOT NULL,
    rule text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (submission, part, number)
);
ALTER TABLE catalog.finding_further ALTER COLUMN content SET STORAGE EXTERNAL;
