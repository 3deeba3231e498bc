//! The tables, version by version. A version is never edited once it was released: another one follows.

/// What brings an empty database to the newest version, one after the other. `INT` and `OCTETS` stand for what the
/// database calls them.
pub(super) const VERSIONS: &[&str] = &["
CREATE TABLE cases (
    id            INT PRIMARY KEY,
    version       INT NOT NULL,
    scope         TEXT NOT NULL,
    form          TEXT NOT NULL,
    track         TEXT NOT NULL,
    state         TEXT NOT NULL,
    entered       INT NOT NULL,
    reminders     INT NOT NULL,
    reminded      INT NOT NULL,
    requestor     TEXT NOT NULL,
    head          TEXT,
    request       OCTETS NOT NULL,
    ack_by        TEXT,
    ack_name      TEXT,
    ack_words     OCTETS,
    ack_request   OCTETS,
    ack_at        INT,
    decided_by    TEXT,
    until         INT,
    provisioned   INT,
    last_accepted INT,
    kept          INT,
    seasonal      INT,
    orphan        INT,
    drift         INT
);
CREATE INDEX cases_by_scope ON cases (scope);
CREATE TABLE steps (
    case_id    INT NOT NULL REFERENCES cases (id),
    number     INT NOT NULL,
    at         INT NOT NULL,
    actor      TEXT NOT NULL,
    event      TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT NOT NULL,
    said       TEXT,
    evidence   TEXT,
    PRIMARY KEY (case_id, number)
);
CREATE TABLE letters (
    number   INT PRIMARY KEY,
    case_id  INT NOT NULL REFERENCES cases (id),
    notice   TEXT NOT NULL,
    audience TEXT NOT NULL,
    urgent   INT NOT NULL,
    at       INT NOT NULL,
    sent     INT,
    message  TEXT
);
CREATE INDEX letters_waiting ON letters (sent, number);
CREATE TABLE revision (one INT PRIMARY KEY, value INT NOT NULL);
INSERT INTO revision (one, value) VALUES (1, 0);
"];

/// The newest version.
pub(super) fn newest() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}
