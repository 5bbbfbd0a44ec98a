/**
 * The schema's history: each entry takes a database from the version before it to its own, and is never changed once
 * released. A database knows its version as `PRAGMA user_version`.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE channels (
    id TEXT PRIMARY KEY,
    system_role TEXT
  ) STRICT, WITHOUT ROWID;

  -- The history in a prompt begins with the first exchange whose seq is at least this. A person whose private exchanges
  -- count has a window of their own; everybody's has an empty name.
  CREATE TABLE windows (
    channel_id TEXT NOT NULL,
    private_to TEXT NOT NULL,
    begins INTEGER NOT NULL,
    PRIMARY KEY (channel_id, private_to)
  ) STRICT, WITHOUT ROWID;

  -- One row for each question ever taken. It stays when its text is forgotten, so that the question is not taken again.
  CREATE TABLE turns (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel_id TEXT NOT NULL,
    asker_id TEXT NOT NULL,
    private INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'stopped', 'failed')),
    failure TEXT,
    question TEXT,
    answer TEXT,
    tokens INTEGER,
    asked_at INTEGER NOT NULL,
    ended_at INTEGER
  ) STRICT;

  CREATE INDEX exchanges ON turns (channel_id, seq) WHERE state = 'answered' AND question IS NOT NULL;
  CREATE INDEX remains ON turns (channel_id) WHERE state IN ('stopped', 'failed') AND question IS NOT NULL;
  `,
  // Turns that a dead process left behind can be taken up: where the answer is shown, and how far that has come.
  `
  CREATE TABLE turns_2 (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel_id TEXT NOT NULL,
    asker_id TEXT NOT NULL,
    private INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'stopped', 'refused', 'failed')),
    failure TEXT,
    question TEXT,
    answer TEXT,
    tokens INTEGER,
    -- How the model ended its answer, in its own word.
    finish TEXT,
    -- Where the answer is shown, in the front's own words; none once its end stands there.
    address TEXT,
    asked_at INTEGER NOT NULL,
    ended_at INTEGER
  ) STRICT;

  INSERT INTO turns_2 (seq, id, channel_id, asker_id, private, state, failure, question, answer, tokens, asked_at, ended_at)
  SELECT seq, id, channel_id, asker_id, private,
         iif(state = 'open', 'failed', state), iif(state = 'open', 'interrupted', failure),
         question, answer, tokens, asked_at, ended_at
  FROM turns;

  DROP TABLE turns;
  ALTER TABLE turns_2 RENAME TO turns;

  CREATE INDEX exchanges ON turns (channel_id, seq) WHERE state = 'answered' AND question IS NOT NULL;
  CREATE INDEX remains ON turns (channel_id) WHERE state IN ('stopped', 'failed') AND question IS NOT NULL;
  CREATE INDEX unsettled ON turns (seq) WHERE address IS NOT NULL;

  -- Channels of which Discord tells nobody at the start that something was said in them: direct messages.
  ALTER TABLE channels ADD COLUMN direct_at INTEGER;
  CREATE INDEX direct_channels ON channels (direct_at) WHERE direct_at IS NOT NULL;
  `,
  // What was said can be searched for. Whoever searches puts into the index what stands in `unindexed`. What is forgotten is
  // found no more at once, also where a process of an older version forgets it, which knows none of this; its words leave
  // the index with the next process that answers.
  `
  CREATE VIRTUAL TABLE said USING fts5 (question, answer, tokenize = 'ascii');
  INSERT INTO said (said, rank) VALUES ('secure-delete', 1);

  CREATE TABLE unindexed (seq INTEGER PRIMARY KEY) STRICT;
  INSERT INTO unindexed SELECT seq FROM turns WHERE question IS NOT NULL;

  -- Turns that are forgotten, and in the index still.
  CREATE TABLE leaving (seq INTEGER PRIMARY KEY) STRICT;

  CREATE TRIGGER turn_added AFTER INSERT ON turns WHEN new.question IS NOT NULL
  BEGIN
    INSERT INTO unindexed VALUES (new.seq);
  END;

  CREATE TRIGGER turn_changed AFTER UPDATE OF question, answer ON turns WHEN new.question IS NOT NULL
  BEGIN
    INSERT INTO unindexed VALUES (new.seq) ON CONFLICT DO NOTHING;
  END;

  CREATE TRIGGER turn_forgotten AFTER UPDATE OF question, answer ON turns WHEN new.question IS NULL
  BEGIN
    DELETE FROM unindexed WHERE seq = new.seq;
    INSERT INTO leaving SELECT id FROM said_docsize WHERE id = new.seq ON CONFLICT DO NOTHING;
  END;

  CREATE TRIGGER turn_deleted AFTER DELETE ON turns
  BEGIN
    DELETE FROM said WHERE rowid = old.seq;
    DELETE FROM unindexed WHERE seq = old.seq;
    DELETE FROM leaving WHERE seq = old.seq;
  END;

  CREATE INDEX on_console ON turns (asked_at) WHERE channel_id GLOB 'console:*';
  CREATE INDEX being_answered ON turns (channel_id) WHERE state = 'open';

  -- With the time, conversations are listed from the index alone.
  DROP INDEX exchanges;
  CREATE INDEX exchanges ON turns (channel_id, seq, asked_at) WHERE state = 'answered' AND question IS NOT NULL;
  `,
];
