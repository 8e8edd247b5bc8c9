/*
 * Each control message twice: with every field, and with only what is required. For tests
 * of messages and for the golden files, which anybody's implementation can be held to.
 */
#ifndef BATON_TESTS_MESSAGE_EXAMPLES_H
#define BATON_TESTS_MESSAGE_EXAMPLES_H

#include "proto/message/message.h"

#define T(literal)                                                                       \
	{                                                                                \
		.at = (literal), .len = sizeof(literal) - 1                              \
	}
#define LIST(items_)                                                                     \
	{                                                                                \
		.items = (items_), .count = sizeof(items_) / sizeof((items_)[0])         \
	}

#define DIGEST_TEXT                                                                      \
	"0123456789abcdef\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9\xfa\xfb\xfc\xfd\xfe"   \
	"\xff"
#define KEY_TEXT "\x00\xffkey of 14 byte"

static uint64_t some_versions[] = {1, 128, 65536, UINT64_MAX};
static struct text some_features[] = {T("base"), T("f\xc3\xbcr sp\xc3\xa4ter")};
static struct text some_hashes[] = {T("xxh3-128"), T("sha256")};
static struct text some_codecs[] = {T("zstd")};
static struct text some_grants[] = {T("acme/web, acme/app: read,write"),
				    T("acme/docs: read, workflow 4711")};
static struct text some_jobs[] = {T("build"), T("build/linux"), T("")};
static struct text some_layers[] = {T("00000000000000a1"), T("00000000000000a2")};
static struct text some_advice[] = {T("stale-too"), T("")};
static struct text some_warnings[] = {T("the layer came late"),
				      T("`a/b`: two jobs write it")};
static struct text some_digests[] = {T(DIGEST_TEXT), T(DIGEST_TEXT)};
static struct text some_globs[] = {T("dist/**"), T("\xff\x01*.o")};

#define FULL_IDENTITY                                                                    \
	{                                                                                \
		.namespace = T("acme/shop"), .workflow = T("4711"), .run = T("2"),       \
		.job = T("test"), .shard = T("3/10"), .attempt = T("1"),                 \
		.execution = T("e-77"), .needs = LIST(some_jobs), .has_needs = true,     \
		.retry_of = T("4700"), .retry_none = true, .retry_detected = true,       \
	}
#define FULL_LAYER                                                                       \
	{                                                                                \
		.layer = T("00000000000000a3"), .workflow = T("4711"), .run = T("2"),    \
		.job = T("test"), .shard = T("3/10"), .attempt = T("1"), .sequence = 1,  \
		.digest = T(DIGEST_TEXT), .files = 127, .directories = 128,              \
		.symlinks = 255, .bytes = 4294967296, .created_ms = 1793000000000,       \
		.inherited = true, .tier = T("untrusted"), .state = T("stale"),          \
		.reason = T("its base 00000000000000a1 was replaced"),                   \
		.after = LIST(some_layers),                                              \
	}
#define MINIMAL_LAYER                                                                    \
	{                                                                                \
		.layer = T("00000000000000a3")                                           \
	}

static struct msg_layer two_layers[] = {FULL_LAYER, MINIMAL_LAYER};
static struct msg_conflict some_conflicts[] = {
	{.path = T("a/\xfe.txt"), .layers = LIST(some_layers)},
	{.path = T("b")},
};

static const struct msg_hello full_hello = {
	.versions = LIST(some_versions),
	.software = T("baton 0.1.0"),
	.features = LIST(some_features),
	.hashes = LIST(some_hashes),
	.codecs = LIST(some_codecs),
	.token = T("eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"),
};
static const struct msg_hello minimal_hello = {.versions = {some_versions, 1}};
static const struct msg_welcome full_welcome = {
	.version = 1,
	.software = T("batond 0.1.0"),
	.features = LIST(some_features),
	.hashes = LIST(some_hashes),
	.codecs = LIST(some_codecs),
	.ask_window = 16384,
	.keepalive_ms = 5000,
	.silence_ms = 60000,
	.data = {some_versions, 2},
	.principal = T("token 12bb159ec7cabc20 (ci)"),
	.tier = T("untrusted"),
	.grants = LIST(some_grants),
};
static const struct msg_welcome minimal_welcome = {0};
static const struct msg_error full_error = {
	.code = 7,
	.exit = 4,
	.message = T("2 paths are in conflict"),
	.retry_ms = 1500,
	.conflicts = LIST(some_conflicts),
	.conflict_count = 70000,
	.advice = LIST(some_advice),
	.frame = 300,
};
static const struct msg_error minimal_error = {.code = 1};
static const struct msg_persist full_persist = {
	.identity = FULL_IDENTITY,
	.key = T(KEY_TEXT),
	.base = T("00000000000000a1"),
	.again = true,
};
static const struct msg_persist minimal_persist = {
	.identity = {.workflow = T("w"), .job = T("j")},
	.key = T(KEY_TEXT),
};
static const struct msg_ready full_ready = {
	.session = T(KEY_TEXT),
	.has_committed = true,
	.committed = FULL_LAYER,
	.base_root = T("BTRT\x01\x01\x00\x00\x00"),
	.warnings = LIST(some_warnings),
};
static const struct msg_ready minimal_ready = {0};
static const struct msg_commit full_commit = {
	.root = T("BTRT\x01\x01\x00\x00\x00"),
	.skipped = 3,
};
static const struct msg_commit minimal_commit = {0};
static const struct msg_committed full_committed = {
	.layer = FULL_LAYER,
	.replaces = LIST(some_layers),
	.new_bytes = 65535,
	.stored_bytes = 256,
	.warnings = LIST(some_warnings),
	.warning_advice = LIST(some_advice),
	.again = true,
};
static const struct msg_committed minimal_committed = {.layer = MINIMAL_LAYER};
static const struct msg_attach full_attach = {
	.identity = FULL_IDENTITY,
	.purpose = T("attach"),
	.from = LIST(some_jobs),
	.from_workflow = T("4600"),
	.layer = T("00000000000000a1"),
	.only = LIST(some_globs),
	.exclude = LIST(some_globs),
	.parents = true,
	.prefer = LIST(some_jobs),
	.on_conflict = T("mark"),
	.by_job = true,
	.stale = T("keep"),
	.if_empty = true,
	.holds = LIST(some_digests),
	.tier = T("untrusted"),
};
static const struct msg_attach minimal_attach = {.identity = {.workflow = T("w")}};
static const struct msg_view full_view = {
	.layers = LIST(two_layers),
	.stale = LIST(two_layers),
	.left_out = LIST(two_layers),
	.left_out_count = 21,
	.unknown_needs = LIST(some_jobs),
	.unknown_from = LIST(some_jobs),
	.unknown_prefer = LIST(some_jobs),
	.warnings = LIST(some_warnings),
	.tag = T(DIGEST_TEXT),
	.held = true,
	.more = true,
};
static const struct msg_view minimal_view = {0};
static const struct msg_rows_end full_rows_end = {
	.files = 1,
	.directories = 2,
	.symlinks = 3,
	.bytes = 4294967295,
	.units = 5,
	.conflicts = 6,
};
static const struct msg_rows_end minimal_rows_end = {0};
static const struct msg_attached full_attached = {.digest = T(DIGEST_TEXT)};
static const struct msg_log full_log = {
	.identity = FULL_IDENTITY,
	.from_workflow = T("4600"),
	.all = true,
	.tier = T("untrusted"),
};
static const struct msg_log minimal_log = {.identity = {.workflow = T("w")}};
static const struct msg_log_reply full_log_reply = {
	.layers = LIST(two_layers),
	.parent = T("4700"),
	.left_out = LIST(two_layers),
	.left_out_count = 21,
	.warnings = LIST(some_warnings),
	.more = true,
};
static const struct msg_log_reply minimal_log_reply = {0};
static const struct msg_status_reply full_status_reply = {
	.software = T("batond 0.1.0"),
	.version = 1,
	.uptime_ms = 2,
	.started_ms = 1793000000000,
	.pid = 4,
	.sessions = 5,
	.connections = 6,
	.waiting = 7,
	.namespaces = 8,
	.workflows = 9,
	.layers = 10,
	.segments = 11,
	.stored_bytes = 12,
	.free_bytes = 13,
	.units_indexed = 14,
	.rss_bytes = 15,
	.damaged_frames = 16,
	.scrubbed_ms = 1793000000001,
	.data = T("/var/lib/batond"),
	.index_state = T("rebuilding"),
	.read_only = true,
	.limited = true,
	.damage = T("`/d/catalogue.db`: has forgotten what was acknowledged"),
};
static const struct msg_status_reply minimal_status_reply = {0};
static const struct msg_metrics_reply full_metrics_reply = {
	.text = T("# TYPE batond_layers gauge\nbatond_layers 7\n"),
};
static const struct msg_backup full_backup = {.directory = T("/srv/backup")};
static const struct msg_backup_reply full_backup_reply = {
	.layers = 1, .segments = 2, .unchanged = 3, .copied_bytes = 4, .missing = 5};
static const struct msg_backup_reply minimal_backup_reply = {0};
static const struct msg_empty no_fields = {0};

static const struct message_example {
	uint16_t type;
	const void *full, *minimal;
} message_examples[] = {
	{MSG_HELLO, &full_hello, &minimal_hello},
	{MSG_WELCOME, &full_welcome, &minimal_welcome},
	{MSG_ERROR, &full_error, &minimal_error},
	{MSG_KEEPALIVE, &no_fields, &no_fields},
	{MSG_PERSIST, &full_persist, &minimal_persist},
	{MSG_READY, &full_ready, &minimal_ready},
	{MSG_COMMIT, &full_commit, &minimal_commit},
	{MSG_COMMITTED, &full_committed, &minimal_committed},
	{MSG_ATTACH, &full_attach, &minimal_attach},
	{MSG_VIEW, &full_view, &minimal_view},
	{MSG_ROWS_END, &full_rows_end, &minimal_rows_end},
	{MSG_FRAMES_END, &no_fields, &no_fields},
	{MSG_ATTACHED, &full_attached, &full_attached},
	{MSG_RECORDED, &no_fields, &no_fields},
	{MSG_WANT_ROWS, &no_fields, &no_fields},
	{MSG_LOG, &full_log, &minimal_log},
	{MSG_LOG_REPLY, &full_log_reply, &minimal_log_reply},
	{MSG_STATUS, &no_fields, &no_fields},
	{MSG_STATUS_REPLY, &full_status_reply, &minimal_status_reply},
	{MSG_METRICS, &no_fields, &no_fields},
	{MSG_METRICS_REPLY, &full_metrics_reply, &full_metrics_reply},
	{MSG_BACKUP, &full_backup, &full_backup},
	{MSG_BACKUP_REPLY, &full_backup_reply, &minimal_backup_reply},
};
#define MESSAGE_EXAMPLES (sizeof(message_examples) / sizeof(message_examples[0]))

/* Room for the largest struct of a message. */
union any_message {
	struct msg_hello hello;
	struct msg_welcome welcome;
	struct msg_error error;
	struct msg_persist persist;
	struct msg_ready ready;
	struct msg_commit commit;
	struct msg_committed committed;
	struct msg_attach attach;
	struct msg_view view;
	struct msg_rows_end rows_end;
	struct msg_attached attached;
	struct msg_log log;
	struct msg_log_reply log_reply;
	struct msg_status_reply status_reply;
	struct msg_metrics_reply metrics_reply;
	struct msg_backup backup;
	struct msg_backup_reply backup_reply;
	struct msg_empty empty;
};

#endif
