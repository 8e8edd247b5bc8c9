/*
 * One try of a persist over one connection: PERSIST, READY, the upload, COMMIT, COMMITTED
 * (PROTOCOL.md §5), in this order. What lasts from try to try (rule W2) is in struct
 * persist: the key, whether it was sent, and the digest once it is known.
 *
 * Main thread.
 */
#ifndef BATON_CLIENT_COMMANDS_PERSIST_SESSION_H
#define BATON_CLIENT_COMMANDS_PERSIST_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/connection/connection.h"
#include "client/connection/credentials.h"
#include "client/options/options.h"
#include "client/select/own.h"
#include "client/select/select.h"
#include "client/terminal/progress.h"
#include "client/terminal/report.h"
#include "client/upload/upload.h"
#include "proto/message/message.h"

#define PERSIST_KEY_LEN 16u

struct persist {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	struct msg_identity identity;
	struct text *identity_items; /* owned */
	struct selection selection;
	struct own_places own;               /* but for the daemon's */
	const char *prefix;                  /* borrowed; clean; "": none */
	uint64_t started_ms;                 /* clock_now_ms() */
	struct progress *progress;           /* owned */
	struct record *record;               /* owned; NULL: none */
	struct record_writer *record_writer; /* owned; writes the next one; NULL: none */
	struct credentials credentials;      /* of which no file may hold the token */
	uint8_t key[PERSIST_KEY_LEN];
	bool key_sent;
	bool has_digest; /* a COMMIT with this digest may have arrived */
	struct digest digest;
	uint64_t sent_bytes; /* of all tries */
};

/* What a try gives. */
struct persist_outcome {
	struct upload_result upload; /* its tree is empty if `again` */
	bool has_upload;
	bool base_held;   /* the daemon has the layer that the stat record names */
	bool again;       /* an earlier try was committed */
	uint8_t *payload; /* owned; committed borrows from it */
	struct message_memory memory;
	struct msg_committed committed;
};

/* Connects (connection_open()) and sends PERSIST. */
int persist_connect(struct persist *persist, uint64_t deadline_ms,
		    struct connection *ret_connection, struct error *error);
/* Runs the rest of the try. The caller ends *ret_outcome, also after a failure.
 * ERR_IDENTITY: this key was committed with another tree. */
int persist_session(struct persist *persist, struct connection *connection,
		    struct persist_outcome *ret_outcome, struct error *error);
void persist_outcome_fini(struct persist_outcome *outcome);
/* ERR_EMPTY: nothing was found, and --if-empty does not allow that. */
int persist_check_totals(const struct persist *persist, const struct totals *totals,
			 struct error *error);

/* ---- record.c: the stat record ---- */
/* Opens the record of the root, unless --no-stat-record. */
void persist_record_open(struct persist *persist);
/* The id of the layer that it names as the base, for PERSIST; "": there is none. */
void persist_record_base(const struct persist *persist,
			 char ret_text[LAYER_ID_TEXT_SIZE]);
/* Decodes the base's root that READY brought; the caller ends it. false: there is none,
 * or not that of the base which was named. */
bool persist_record_root(const struct persist *persist, struct text base_root,
			 struct root *ret_root);
/* Writes what the try saw; only the layer that it made is not known yet. */
void persist_record_begin(struct persist *persist, const struct upload_result *upload,
			  bool base_held);
/* After a successful try: names the layer, and puts the record in its place. */
void persist_record_end(struct persist *persist, const struct persist_outcome *outcome);

/* ---- report.c: what the user is told ---- */
void persist_report(const struct persist *persist, const struct persist_outcome *outcome);
/* The warnings of --if-empty=warn. */
void persist_warn_of_empty(const struct persist *persist, const struct totals *totals);
/* Each stored path on a line. */
void persist_report_paths(const struct persist *persist, const struct tree *tree);
/* The counts, as members of the JSON object. */
void persist_report_totals(struct json_writer *json, const struct totals *totals);

/* ---- dry.c ---- */
/* --dry-run: tells what would be stored, or fails as a persist of the same files would.
 * It walks and opens the files, but reads none of them and does not ask the daemon. */
int persist_dry_run(struct persist *persist, struct error *error);

#endif
