//! The tables, version by version. A version is never edited once it was released: another one follows.

/// What brings an empty database to the newest version, one after the other. `OCTETS` stands for what the database
/// calls them.
pub(super) const VERSIONS: &[&str] = &[
    "
CREATE TABLE cases (
    id            BIGINT PRIMARY KEY,
    version       BIGINT NOT NULL,
    scope         TEXT NOT NULL,
    form          TEXT NOT NULL,
    track         TEXT NOT NULL,
    state         TEXT NOT NULL,
    entered       BIGINT NOT NULL,
    reminders     BIGINT NOT NULL,
    reminded      BIGINT NOT NULL,
    requestor     TEXT NOT NULL,
    head          TEXT,
    request       OCTETS NOT NULL,
    ack_by        TEXT,
    ack_name      TEXT,
    ack_words     OCTETS,
    ack_request   OCTETS,
    ack_at        BIGINT,
    decided_by    TEXT,
    until         BIGINT,
    provisioned   BIGINT,
    last_accepted BIGINT,
    kept          BIGINT,
    seasonal      BIGINT,
    orphan        BIGINT,
    drift         BIGINT
);
CREATE INDEX cases_by_scope ON cases (scope);
CREATE TABLE steps (
    case_id    BIGINT NOT NULL REFERENCES cases (id),
    number     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    event      TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT NOT NULL,
    said       TEXT,
    evidence   TEXT,
    PRIMARY KEY (case_id, number)
);
CREATE TABLE letters (
    number   BIGINT PRIMARY KEY,
    case_id  BIGINT NOT NULL REFERENCES cases (id),
    notice   TEXT NOT NULL,
    audience TEXT NOT NULL,
    urgent   BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    sent     BIGINT,
    message  TEXT
);
CREATE INDEX letters_waiting ON letters (sent, number);
CREATE TABLE revision (one BIGINT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO revision (one, value) VALUES (1, 0);
",
    "
ALTER TABLE cases ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX cases_by_change ON cases (changed);
ALTER TABLE steps ADD COLUMN sequence BIGINT NOT NULL DEFAULT 0;
UPDATE steps SET sequence = ordered.place FROM (
    SELECT case_id, number, row_number() OVER (ORDER BY at, case_id, number) AS place FROM steps
) AS ordered WHERE ordered.case_id = steps.case_id AND ordered.number = steps.number;
CREATE INDEX steps_by_sequence ON steps (sequence);
CREATE TABLE credentials (
    case_id          BIGINT NOT NULL REFERENCES cases (id),
    number           BIGINT NOT NULL,
    kind             TEXT NOT NULL,
    label            TEXT NOT NULL,
    argon2           TEXT,
    scram_salt       OCTETS,
    scram_iterations BIGINT,
    scram_stored_key OCTETS,
    scram_server_key OCTETS,
    public_key       OCTETS,
    made             BIGINT NOT NULL,
    ends             BIGINT,
    used             BIGINT,
    PRIMARY KEY (case_id, number)
);
CREATE TABLE links (
    hash    OCTETS PRIMARY KEY,
    case_id BIGINT NOT NULL REFERENCES cases (id),
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    request OCTETS NOT NULL,
    made    BIGINT NOT NULL,
    ends    BIGINT NOT NULL,
    used    BIGINT
);
CREATE INDEX links_by_case ON links (case_id);
CREATE TABLE presence (since BIGINT PRIMARY KEY, last BIGINT NOT NULL);
CREATE TABLE told (one BIGINT PRIMARY KEY, sequence BIGINT NOT NULL);
INSERT INTO told (one, sequence) VALUES (1, 0);
CREATE TABLE bounced (address TEXT PRIMARY KEY, since BIGINT NOT NULL);
CREATE TABLE pinned (
    sequence  BIGINT PRIMARY KEY,
    name      TEXT NOT NULL,
    at        BIGINT NOT NULL,
    actor     TEXT NOT NULL,
    suspended BIGINT NOT NULL,
    why       TEXT NOT NULL
);
CREATE INDEX pinned_by_name ON pinned (name, sequence);
",
    "
ALTER TABLE letters ADD COLUMN claimed BIGINT;
CREATE INDEX letters_by_message ON letters (message);
CREATE TABLE written_to (address TEXT PRIMARY KEY, last BIGINT NOT NULL);
CREATE TABLE observed (
    case_id BIGINT NOT NULL,
    source  TEXT NOT NULL,
    hello   TEXT NOT NULL,
    senders TEXT NOT NULL,
    last    BIGINT NOT NULL,
    PRIMARY KEY (case_id, source, hello, senders)
);
",
    "
ALTER TABLE credentials ADD COLUMN token TEXT;
",
    "
ALTER TABLE letters ADD COLUMN step BIGINT;
",
    "
CREATE TABLE attestations (
    id         BIGINT PRIMARY KEY,
    version    BIGINT NOT NULL,
    scope      TEXT NOT NULL,
    department TEXT NOT NULL,
    known_as   TEXT NOT NULL,
    head       TEXT,
    made       BIGINT NOT NULL,
    asked      BIGINT NOT NULL,
    reminders  BIGINT NOT NULL,
    reminded   BIGINT NOT NULL,
    standing   TEXT NOT NULL,
    hash       OCTETS NOT NULL
);
CREATE INDEX attestations_by_department ON attestations (scope, known_as);
CREATE INDEX attestations_by_standing ON attestations (standing);
CREATE TABLE attested (
    list_id BIGINT NOT NULL REFERENCES attestations (id),
    case_id BIGINT NOT NULL REFERENCES cases (id),
    shown   TEXT NOT NULL,
    outcome TEXT,
    PRIMARY KEY (list_id, case_id)
);
CREATE TABLE attestation_steps (
    sequence BIGINT PRIMARY KEY,
    list_id  BIGINT NOT NULL REFERENCES attestations (id),
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    event    TEXT NOT NULL,
    standing TEXT NOT NULL,
    said     TEXT
);
CREATE INDEX attestation_steps_by_list ON attestation_steps (list_id);
ALTER TABLE letters ADD COLUMN list_id BIGINT;
CREATE INDEX letters_by_list ON letters (list_id);
ALTER TABLE links ADD COLUMN list_id BIGINT;
",
    "
ALTER TABLE credentials ADD COLUMN subject TEXT;
ALTER TABLE credentials ADD COLUMN account TEXT;
",
    "
ALTER TABLE cases ADD COLUMN handover TEXT;
ALTER TABLE pinned ADD COLUMN abuse BIGINT NOT NULL DEFAULT 0;
CREATE TABLE pinned_letters (
    number  BIGINT PRIMARY KEY,
    name    TEXT NOT NULL,
    notice  TEXT NOT NULL,
    said    TEXT NOT NULL,
    urgent  BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    sent    BIGINT,
    message TEXT,
    claimed BIGINT
);
CREATE INDEX pinned_letters_waiting ON pinned_letters (sent, number);
CREATE TABLE pinned_troubles (
    name    TEXT NOT NULL,
    trouble TEXT NOT NULL,
    told    BIGINT NOT NULL,
    PRIMARY KEY (name, trouble)
);
",
];

/// The newest version.
pub(super) fn newest() -> i64 {
    i64::try_from(VERSIONS.len()).unwrap_or(i64::MAX)
}
