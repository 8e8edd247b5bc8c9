/*
 * One try of a persist over one connection: PERSIST, READY, the upload, COMMIT, COMMITTED
 * (PROTOCOL.md §5), in this order. What has to survive from try to try (rule W2) is in
 * struct persist: the key, whether it was sent, and the digest once it is known.
 *
 * Belongs to the main thread.
 */
#ifndef BATON_CLIENT_COMMANDS_PERSIST_SESSION_H
#define BATON_CLIENT_COMMANDS_PERSIST_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/connection/connection.h"
#include "client/options/options.h"
#include "client/terminal/progress.h"
#include "client/terminal/report.h"
#include "client/tree/select.h"
#include "client/upload/upload.h"
#include "proto/message/message.h"

#define PERSIST_KEY_LEN 16u

struct persist {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	struct msg_identity identity;
	struct text *identity_items; /* owned */
	struct selection selection;
	const char *prefix;                  /* borrowed; clean; "": none */
	uint64_t started_ms;                 /* clock_now_ms() */
	struct progress *progress;           /* owned */
	struct record *record;               /* owned; NULL: none */
	struct record_writer *record_writer; /* owned; of the next one; NULL: none */
	uint8_t key[PERSIST_KEY_LEN];
	bool key_sent;
	bool has_digest; /* a COMMIT with this digest was on its way */
	struct digest digest;
	uint64_t sent_bytes; /* over all tries */
};

/* What a successful try gives. */
struct persist_outcome {
	struct upload_result upload; /* its tree is empty if `again` */
	bool has_upload;
	bool base_held;   /* the daemon has the stat record's base */
	bool again;       /* the daemon had committed it before */
	uint8_t *payload; /* owned; committed borrows from it */
	struct message_memory memory;
	struct msg_committed committed;
};

/* Connects (connection_open()) and sends PERSIST. */
int persist_connect(struct persist *persist, uint64_t deadline_ms,
		    struct connection *ret_connection, struct error *error);
/* Runs one try behind it. *ret_outcome is the caller's to end, also after a failure.
 * ERR_IDENTITY: the key was committed with another tree. */
int persist_session(struct persist *persist, struct connection *connection,
		    struct persist_outcome *ret_outcome, struct error *error);
void persist_outcome_fini(struct persist_outcome *outcome);
/* ERR_EMPTY: nothing was found, and the user did not say that this is fine. */
int persist_check_totals(const struct persist *persist, const struct totals *totals,
			 struct error *error);

/* ---- persist_record.c: the stat record ---- */
/* Opens the record of the root, unless the user wants none. */
void persist_record_open(struct persist *persist);
/* The id of its base, for PERSIST; "" where there is none. */
void persist_record_base(const struct persist *persist,
			 char ret_text[LAYER_ID_TEXT_SIZE]);
/* The base's root, if READY brings that of the base that was named; the caller's to end.
 * false: none. */
bool persist_record_root(const struct persist *persist, struct text base_root,
			 struct root *ret_root);
/* Writes what a try saw, but for the layer that it will be the base of. */
void persist_record_begin(struct persist *persist, const struct upload_result *upload,
			  bool base_held);
/* The try was successful: puts the record in its place. */
void persist_record_end(struct persist *persist, const struct persist_outcome *outcome);

/* ---- persist_report.c: what the user is told ---- */
void persist_report(const struct persist *persist, const struct persist_outcome *outcome);
/* The warnings of --if-empty=warn. */
void persist_warn_of_empty(const struct persist *persist, const struct totals *totals);
/* --dry-run: walks, opens files, reads none, asks nobody, and tells what would be stored,
 * or fails as a persist of the same files would. */
int persist_dry_run(struct persist *persist, struct error *error);

#endif
