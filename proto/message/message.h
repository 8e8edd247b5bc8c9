/*
 * Control messages: C structs in, msgpack maps out, and back (PROTOCOL.md §2 to §9).
 *
 * Each message has one table of fields (key, kind, limit, place in the struct) from which
 * it is encoded, decoded and its keys are checked; there is no second list (message.c). A
 * payload is validated (depth, objects, lengths, nothing after its end) before msgpack-c
 * sees it, because msgpack-c 4.0 reserves 12 GiB for the five bytes dd 20 00 00 00.
 *
 * Decoded texts are borrowed from the `struct message_memory` they were decoded with.
 * No thread affinity.
 */
#ifndef BATON_PROTO_MESSAGE_MESSAGE_H
#define BATON_PROTO_MESSAGE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/text.h"

enum message_type {
	MSG_HELLO = 1,
	MSG_WELCOME = 2,
	MSG_ERROR = 3,
	MSG_KEEPALIVE = 4,
	MSG_PERSIST = 16,
	MSG_READY = 17,
	MSG_ASK = 18,
	MSG_OFFER = 19,
	MSG_UNITS = 20,
	MSG_STORED = 21,
	MSG_ROOT = 22,
	MSG_COMMIT = 23,
	MSG_COMMITTED = 24,
	MSG_ATTACH = 32,
	MSG_VIEW = 33,
	MSG_ROWS = 34,
	MSG_ROWS_END = 35,
	MSG_WANT = 36,
	MSG_FRAME = 37,
	MSG_FRAMES_END = 38,
	MSG_ATTACHED = 39,
	MSG_RECORDED = 40,
	MSG_WANT_ROWS = 41,
	MSG_LOG = 48,
	MSG_LOG_REPLY = 49,
	MSG_STATUS = 50,
	MSG_STATUS_REPLY = 51,
	MSG_METRICS = 70,
	MSG_METRICS_REPLY = 71,
	MSG_BACKUP = 72,
	MSG_BACKUP_REPLY = 73,
};

#define MSG_FLAG_CRITICAL 1u

/* "PERSIST" …; NULL for a type this version does not know. */
const char *message_type_name(uint16_t type);
bool message_type_is_bulk(uint16_t type);

/* ---- the messages; units and meaning in PROTOCOL.md ---- */
struct msg_hello {
	struct number_list versions;
	struct text software;
	struct text_list features, hashes, codecs;
	struct text token;
};

struct msg_welcome {
	uint64_t version;
	struct text software;
	struct text_list features, hashes, codecs;
	uint64_t ask_window; /* units */
	uint64_t keepalive_ms;
	uint64_t silence_ms;
	struct number_list data; /* device, inode, of each directory */
	struct text principal, tier;
	struct text_list grants;
};

struct msg_conflict {
	struct text path;
	struct text_list layers;
};

struct msg_error {
	uint64_t code; /* wire number */
	uint64_t exit; /* status of a client that does not know the code */
	struct text message;
	uint64_t retry_ms;
	struct {
		struct msg_conflict *items;
		size_t count;
	} conflicts;
	uint64_t conflict_count;
	struct text_list advice;
	uint64_t frame; /* which FRAME of the round is damaged, from 1; 0: not said */
};

struct msg_identity {
	struct text namespace, workflow, run, job, shard, attempt, execution;
	struct text_list needs;
	bool has_needs;
	struct text retry_of;
	bool retry_none;
	bool retry_detected;
};

struct msg_layer {
	struct text layer, workflow, run, job, shard, attempt;
	uint64_t sequence;
	struct text digest; /* 32 bytes */
	uint64_t files, directories, symlinks, bytes, created_ms;
	bool inherited;
	struct text tier;
	struct text state, reason;
	struct text_list after;
};

struct msg_layer_list {
	struct msg_layer *items;
	size_t count;
};

struct msg_persist {
	struct msg_identity identity;
	struct text key; /* 16 bytes */
	struct text base;
	bool again;
};

struct msg_ready {
	struct text session; /* 16 bytes */
	bool has_committed;
	struct msg_layer committed;
	struct text base_root;
	struct text_list warnings;
};

struct msg_commit {
	struct text root;
	uint64_t skipped;
};

struct msg_committed {
	struct msg_layer layer;
	struct text_list replaces;
	uint64_t new_bytes, stored_bytes;
	struct text_list warnings, warning_advice;
	bool again;
};

struct msg_attach {
	struct msg_identity identity;
	struct text purpose;
	struct text_list from;
	struct text from_workflow;
	struct text layer;
	struct text_list only, exclude; /* bytes */
	bool parents;
	struct text_list prefer;
	struct text on_conflict;
	bool by_job;
	struct text stale;
	bool if_empty;
	struct text_list holds; /* 32 bytes each */
	struct text tier;
};

struct msg_view {
	struct msg_layer_list layers, stale, left_out;
	uint64_t left_out_count;
	struct text_list unknown_needs, unknown_from, unknown_prefer, warnings;
	struct text tag; /* 32 bytes */
	bool held;
	bool more;
};

struct msg_rows_end {
	uint64_t files, directories, symlinks, bytes, units, conflicts;
};

struct msg_attached {
	struct text digest; /* 32 bytes */
};

struct msg_empty { /* KEEPALIVE, FRAMES_END, RECORDED, WANT_ROWS, STATUS, METRICS */
	bool unused_;
};

struct msg_log {
	struct msg_identity identity;
	struct text from_workflow;
	bool all;
	struct text tier;
};

struct msg_log_reply {
	struct msg_layer_list layers;
	struct text parent;
	struct msg_layer_list left_out;
	uint64_t left_out_count;
	struct text_list warnings;
	bool more;
};

struct msg_status_reply {
	struct text software;
	uint64_t version, uptime_ms, started_ms, pid;
	uint64_t sessions, connections, waiting;
	uint64_t namespaces, workflows, layers, segments;
	uint64_t stored_bytes, free_bytes, units_indexed, rss_bytes;
	uint64_t damaged_frames, scrubbed_ms;
	struct text data, index_state, damage;
	bool read_only;
	bool limited; /* the figures are not for this asker */
};

struct msg_metrics_reply {
	struct text text;
};

struct msg_backup {
	struct text directory;
};

struct msg_backup_reply {
	uint64_t layers, segments, unchanged, copied_bytes, missing;
};

/* ---- encoding and decoding ---- */
/* Appends the payload of a control message of this type; `message` is its struct. Fields
 * that are empty, 0 or false are left out, unless required. The same struct always gives
 * the same bytes: keys in the order of their table, numbers in their shortest form.
 * Sentences (message, reason, warnings) are cleaned and cut to 1023 bytes; the limits of
 * other fields are the caller's to keep. */
void message_encode(struct buffer *out, uint16_t type, const void *message);

/* What decoded texts and lists live in. {0} is empty and ready. */
struct message_memory {
	void *zone; /* owned */
};
void message_memory_fini(struct message_memory *memory);

/*
 * Decodes a payload into the type's struct (zeroed first, and again on failure). Checks
 * all of PROTOCOL.md §1 and the limits of each field. ERR_PROTOCOL with a sentence that
 * names message and key. Only the `message` of an ERROR may be unclean, so that what a
 * careless peer has to say is not lost: text_clean() before it is shown.
 * The texts borrow from `payload` and `memory`: both must outlive their use. One memory
 * may serve several payloads.
 */
int message_decode(struct message_memory *memory, uint16_t type, const void *payload,
		   size_t len, void *ret_message, struct error *error);

#endif
