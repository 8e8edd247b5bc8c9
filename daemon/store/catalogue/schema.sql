-- The catalogue's schema, version 4. Times are Unix milliseconds, but for the store's time
-- (FORMAT.md §9).
-- A set of layers: ascending ids, for each the varint of what it is more than the one
-- before, from 0. Each is known here, or the catalogue is damaged.
-- commits: changes that were made durable; store: the name of this catalogue; see FORMAT.md §1.
-- seen_…, synced_…: where the store's time stood beside two clocks; see FORMAT.md §9.
-- running_ms: how long daemons have run with this store, by their own clocks.
-- clean_stop: the number that the file `clean` must hold; see FORMAT.md §1.
CREATE TABLE settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE namespaces (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,         -- with its tier: see FORMAT.md
	created_ms INTEGER NOT NULL
);

CREATE TABLE segments (
	segment BLOB PRIMARY KEY,          -- 16 bytes, random, never used again
	namespace INTEGER NOT NULL REFERENCES namespaces,
	vouched INTEGER NOT NULL,          -- bytes that committed layers may refer to
	location TEXT NOT NULL,            -- file name below segments/
	state INTEGER NOT NULL,            -- 1 open, 2 sealed, 3 damaged
	holes BLOB NOT NULL DEFAULT x'',   -- what compaction left out of it: see FORMAT.md §2
	holes_bytes INTEGER NOT NULL DEFAULT 0 -- their sum
) WITHOUT ROWID;
CREATE INDEX segments_by_namespace ON segments (namespace);

CREATE TABLE workflows (
	id INTEGER PRIMARY KEY,
	namespace INTEGER NOT NULL REFERENCES namespaces,
	name TEXT NOT NULL,
	parent INTEGER REFERENCES workflows, -- what it retries; fixed at the first contact
	created_ms INTEGER NOT NULL,
	contact_ms INTEGER NOT NULL,       -- the latest attach or persist, in the store's time
	expired_ms INTEGER,                -- set when retention removed its layers from sight
	kept_ms INTEGER,                   -- since when it is kept until it is released
	lives_ms INTEGER,                  -- the store's time until which it lives at least
	expired_running_ms INTEGER,        -- running_ms when it expired
	removed_ms INTEGER,                -- when its layers were given up; the name stays
	contact_running_ms INTEGER NOT NULL DEFAULT 0, -- running_ms at the latest contact
	UNIQUE (namespace, name)
);
CREATE INDEX workflows_to_remove ON workflows (expired_running_ms)
	WHERE expired_ms IS NOT NULL AND removed_ms IS NULL;

-- One execution that the daemon has heard of, or a copy of one of the retried workflow,
-- made with its needs and what it attached at the first contact: copies are earlier than all
-- own ones. id ascends with first contact.
CREATE TABLE executions (
	id INTEGER PRIMARY KEY,
	workflow INTEGER NOT NULL REFERENCES workflows,
	run TEXT NOT NULL,
	run_heard INTEGER NOT NULL,        -- id of the first execution of this run (rule W4)
	job TEXT NOT NULL,
	shard TEXT NOT NULL,
	attempt TEXT NOT NULL,
	execution TEXT,                    -- the id it gave itself, if any
	has_needs INTEGER NOT NULL DEFAULT 0,
	origin INTEGER REFERENCES executions, -- of a copy: what it is a copy of, through any
	                                   -- number of retries; NULL: an own one
	attached BLOB NOT NULL DEFAULT x'' -- layers that it attached with success: a set
);
CREATE UNIQUE INDEX executions_own ON executions (workflow, run, job, shard, attempt)
	WHERE origin IS NULL;
CREATE INDEX executions_by_workflow ON executions (workflow, origin);
CREATE TABLE execution_needs (
	execution INTEGER NOT NULL REFERENCES executions,
	position INTEGER NOT NULL,
	job TEXT NOT NULL,
	PRIMARY KEY (execution, position)
) WITHOUT ROWID;

CREATE TABLE layers (
	id INTEGER PRIMARY KEY,            -- ascends with commit
	name BLOB NOT NULL UNIQUE,         -- 8 random bytes: the layer's id
	execution INTEGER NOT NULL REFERENCES executions,
	sequence INTEGER NOT NULL,         -- 1 for the execution's first
	key BLOB NOT NULL,                 -- the persist's key (rule W2)
	digest BLOB NOT NULL,
	content BLOB NOT NULL,             -- content digest: equal for equal content, times aside
	files INTEGER NOT NULL,
	directories INTEGER NOT NULL,
	symlinks INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	units INTEGER NOT NULL,
	new_bytes INTEGER NOT NULL,
	stored_bytes INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	root_segment BLOB NOT NULL,
	root_offset INTEGER NOT NULL,
	placement_segment BLOB NOT NULL,
	placement_offset INTEGER NOT NULL,
	bases BLOB NOT NULL DEFAULT x'',   -- what its execution had attached before it
	                                   -- persisted this layer (rule W6): a set
	kind INTEGER NOT NULL DEFAULT 1,   -- 1 workspace; 2 artifact, 3 cache reserved
	labels TEXT,                       -- reserved
	tier INTEGER NOT NULL DEFAULT 0,   -- 1: of an untrusted job
	expires_ms INTEGER,                -- reserved
	ended_ms INTEGER,                  -- since when it is hidden, because a person said so
	removed INTEGER NOT NULL DEFAULT 0, -- 1: its bytes are given up; it has no place, and is
	                                   -- a fact that others may mention
	UNIQUE (execution, key),
	UNIQUE (execution, sequence)
);
CREATE INDEX layers_to_remove ON layers (id) WHERE ended_ms IS NOT NULL AND removed = 0;

-- Segments that a layer refers to, directly or through what it reuses.
CREATE TABLE layer_segments (
	layer INTEGER NOT NULL REFERENCES layers,
	segment BLOB NOT NULL REFERENCES segments,
	PRIMARY KEY (layer, segment)
) WITHOUT ROWID;
CREATE INDEX layer_segments_by_segment ON layer_segments (segment);

-- Layers that a retry inherited at its first contact (rules R1, R4).
CREATE TABLE inherited_layers (
	workflow INTEGER NOT NULL REFERENCES workflows,
	layer INTEGER NOT NULL REFERENCES layers,
	PRIMARY KEY (workflow, layer)
) WITHOUT ROWID;
CREATE INDEX inherited_layers_by_layer ON inherited_layers (layer);
