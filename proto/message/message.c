/* The table of each message, in the order of PROTOCOL.md. */
#include "proto/message/message.h"

#include "proto/bounds.h"
#include "proto/message/table.h"

#define STATUS_DATA_LEN_MAX 4096u
/* PATH_MAX of Linux. */
#define BACKUP_DIRECTORY_LEN_MAX 4096u
#define SESSION_LEN 16u
#define DIGEST_LEN 32u

/* One field per line. */
/* clang-format off */
#define FIELD(type, member, kind_, ...)                                                  \
	{.key = #member, .kind = MESSAGE_##kind_,                                        \
	 .at = offsetof(struct type, member), __VA_ARGS__}
#define IDENTITY(type, member, kind_, ...)                                               \
	{.key = #member, .kind = MESSAGE_##kind_,                                        \
	 .at = offsetof(struct type, identity.member), __VA_ARGS__}
#define IDENTITY_FIELDS(type, needs_job)                                                 \
	IDENTITY(type, namespace, STR),                                                  \
	IDENTITY(type, workflow, STR, .required = true, .filled = true),                 \
	IDENTITY(type, run, STR),                                                        \
	IDENTITY(type, job, STR, .required = needs_job, .filled = needs_job),            \
	IDENTITY(type, shard, STR),                                                      \
	IDENTITY(type, attempt, STR),                                                    \
	IDENTITY(type, execution, STR),                                                  \
	IDENTITY(type, needs, STR, .list = true, .entries_max = NEEDS_MAX),              \
	IDENTITY(type, has_needs, BOOL),                                                 \
	IDENTITY(type, retry_of, STR),                                                   \
	IDENTITY(type, retry_none, BOOL),                                                \
	IDENTITY(type, retry_detected, BOOL)

#define TABLE(name, type, prefix_)                                                       \
	static const struct message_table name##_table = {                               \
		.prefix = prefix_,                                                       \
		.fields = name##_fields,                                                 \
		.count = sizeof(name##_fields) / sizeof(name##_fields[0]),               \
		.size = sizeof(struct type),                                             \
	}

static const struct message_field layer_fields[] = {
	FIELD(msg_layer, layer, STR, .required = true, .len_exact = LAYER_ID_DIGITS),
	FIELD(msg_layer, workflow, STR),
	FIELD(msg_layer, run, STR),
	FIELD(msg_layer, job, STR),
	FIELD(msg_layer, shard, STR),
	FIELD(msg_layer, attempt, STR),
	FIELD(msg_layer, sequence, UINT),
	FIELD(msg_layer, digest, BIN, .len_exact = DIGEST_LEN),
	FIELD(msg_layer, files, UINT),
	FIELD(msg_layer, directories, UINT),
	FIELD(msg_layer, symlinks, UINT),
	FIELD(msg_layer, bytes, UINT),
	FIELD(msg_layer, created_ms, UINT),
	FIELD(msg_layer, inherited, BOOL),
	FIELD(msg_layer, tier, STR),
	FIELD(msg_layer, state, STR),
	FIELD(msg_layer, reason, SENTENCE),
	FIELD(msg_layer, after, STR, .list = true),
};
TABLE(layer, msg_layer, "layer.");

static const struct message_field conflict_fields[] = {
	FIELD(msg_conflict, path, PATH, .len_max = PATH_LEN_MAX),
	FIELD(msg_conflict, layers, STR, .list = true),
};
TABLE(conflict, msg_conflict, "conflicts.");

static const struct message_field hello_fields[] = {
	FIELD(msg_hello, versions, UINT, .required = true, .list = true),
	FIELD(msg_hello, software, STR),
	FIELD(msg_hello, features, STR, .list = true),
	FIELD(msg_hello, hashes, STR, .list = true),
	FIELD(msg_hello, codecs, STR, .list = true),
	FIELD(msg_hello, token, BIN, .len_max = TOKEN_LEN_MAX),
};
TABLE(hello, msg_hello, "");

static const struct message_field welcome_fields[] = {
	FIELD(msg_welcome, version, UINT),
	FIELD(msg_welcome, software, STR),
	FIELD(msg_welcome, features, STR, .list = true),
	FIELD(msg_welcome, hashes, STR, .list = true),
	FIELD(msg_welcome, codecs, STR, .list = true),
	FIELD(msg_welcome, ask_window, UINT),
	FIELD(msg_welcome, keepalive_ms, UINT),
	FIELD(msg_welcome, silence_ms, UINT),
	FIELD(msg_welcome, data, UINT, .list = true, .entries_max = WELCOME_DATA_MAX),
	FIELD(msg_welcome, principal, STR),
	FIELD(msg_welcome, tier, STR),
	FIELD(msg_welcome, grants, SENTENCE, .list = true, .entries_max = WELCOME_GRANTS_MAX),
};
TABLE(welcome, msg_welcome, "");

static const struct message_field error_fields[] = {
	FIELD(msg_error, code, UINT, .required = true),
	FIELD(msg_error, exit, UINT),
	FIELD(msg_error, message, SENTENCE, .unclean = true),
	FIELD(msg_error, retry_ms, UINT),
	FIELD(msg_error, conflicts, MAP, .list = true, .map = &conflict_table),
	FIELD(msg_error, conflict_count, UINT),
	FIELD(msg_error, advice, STR, .list = true),
	FIELD(msg_error, frame, UINT),
};
TABLE(error, msg_error, "");

static const struct message_field persist_fields[] = {
	IDENTITY_FIELDS(msg_persist, true),
	FIELD(msg_persist, key, BIN, .required = true, .len_exact = KEY_LEN),
	FIELD(msg_persist, base, STR),
	FIELD(msg_persist, again, BOOL),
};
TABLE(persist, msg_persist, "");

static const struct message_field ready_fields[] = {
	FIELD(msg_ready, session, BIN, .len_exact = SESSION_LEN),
	FIELD(msg_ready, committed, MAP, .map = &layer_table,
	      .has = offsetof(struct msg_ready, has_committed)),
	FIELD(msg_ready, base_root, BIN),
	FIELD(msg_ready, warnings, SENTENCE, .list = true),
};
TABLE(ready, msg_ready, "");

static const struct message_field commit_fields[] = {
	FIELD(msg_commit, root, BIN, .required = true),
	FIELD(msg_commit, skipped, UINT),
};
TABLE(commit, msg_commit, "");

static const struct message_field committed_fields[] = {
	FIELD(msg_committed, layer, MAP, .required = true, .map = &layer_table),
	FIELD(msg_committed, replaces, STR, .list = true),
	FIELD(msg_committed, new_bytes, UINT),
	FIELD(msg_committed, stored_bytes, UINT),
	FIELD(msg_committed, warnings, SENTENCE, .list = true),
	FIELD(msg_committed, warning_advice, STR, .list = true),
	FIELD(msg_committed, again, BOOL),
};
TABLE(committed, msg_committed, "");

static const struct message_field attach_fields[] = {
	IDENTITY_FIELDS(msg_attach, false),
	FIELD(msg_attach, purpose, STR),
	FIELD(msg_attach, from, STR, .list = true, .entries_max = NEEDS_MAX),
	FIELD(msg_attach, from_workflow, STR),
	FIELD(msg_attach, layer, STR),
	FIELD(msg_attach, only, PATH, .list = true, .entries_max = PATTERNS_MAX,
	      .len_max = PATTERN_LEN_MAX),
	FIELD(msg_attach, exclude, PATH, .list = true, .entries_max = PATTERNS_MAX,
	      .len_max = PATTERN_LEN_MAX),
	FIELD(msg_attach, parents, BOOL),
	FIELD(msg_attach, prefer, STR, .list = true, .entries_max = NEEDS_MAX),
	FIELD(msg_attach, on_conflict, STR),
	FIELD(msg_attach, by_job, BOOL),
	FIELD(msg_attach, stale, STR),
	FIELD(msg_attach, if_empty, BOOL),
	FIELD(msg_attach, holds, BIN, .list = true, .entries_max = HELD_TAGS_MAX,
	      .len_exact = DIGEST_LEN),
	FIELD(msg_attach, tier, STR),
};
TABLE(attach, msg_attach, "");

static const struct message_field view_fields[] = {
	FIELD(msg_view, layers, MAP, .list = true, .map = &layer_table),
	FIELD(msg_view, stale, MAP, .list = true, .map = &layer_table),
	FIELD(msg_view, left_out, MAP, .list = true, .map = &layer_table),
	FIELD(msg_view, left_out_count, UINT),
	FIELD(msg_view, unknown_needs, STR, .list = true),
	FIELD(msg_view, unknown_from, STR, .list = true),
	FIELD(msg_view, unknown_prefer, STR, .list = true),
	FIELD(msg_view, warnings, SENTENCE, .list = true),
	FIELD(msg_view, tag, BIN, .len_exact = DIGEST_LEN),
	FIELD(msg_view, held, BOOL),
	FIELD(msg_view, more, BOOL),
};
TABLE(view, msg_view, "");

static const struct message_field rows_end_fields[] = {
	FIELD(msg_rows_end, files, UINT),    FIELD(msg_rows_end, directories, UINT),
	FIELD(msg_rows_end, symlinks, UINT), FIELD(msg_rows_end, bytes, UINT),
	FIELD(msg_rows_end, units, UINT),    FIELD(msg_rows_end, conflicts, UINT),
};
TABLE(rows_end, msg_rows_end, "");

static const struct message_field attached_fields[] = {
	FIELD(msg_attached, digest, BIN, .required = true, .len_exact = DIGEST_LEN),
};
TABLE(attached, msg_attached, "");

static const struct message_field log_fields[] = {
	IDENTITY_FIELDS(msg_log, false),
	FIELD(msg_log, from_workflow, STR),
	FIELD(msg_log, all, BOOL),
	FIELD(msg_log, tier, STR),
};
TABLE(log, msg_log, "");

static const struct message_field log_reply_fields[] = {
	FIELD(msg_log_reply, layers, MAP, .list = true, .map = &layer_table),
	FIELD(msg_log_reply, parent, STR),
	FIELD(msg_log_reply, left_out, MAP, .list = true, .map = &layer_table),
	FIELD(msg_log_reply, left_out_count, UINT),
	FIELD(msg_log_reply, warnings, SENTENCE, .list = true),
	FIELD(msg_log_reply, more, BOOL),
};
TABLE(log_reply, msg_log_reply, "");

static const struct message_field status_reply_fields[] = {
	FIELD(msg_status_reply, software, STR),
	FIELD(msg_status_reply, version, UINT),
	FIELD(msg_status_reply, uptime_ms, UINT),
	FIELD(msg_status_reply, started_ms, UINT),
	FIELD(msg_status_reply, pid, UINT),
	FIELD(msg_status_reply, sessions, UINT),
	FIELD(msg_status_reply, connections, UINT),
	FIELD(msg_status_reply, waiting, UINT),
	FIELD(msg_status_reply, namespaces, UINT),
	FIELD(msg_status_reply, workflows, UINT),
	FIELD(msg_status_reply, layers, UINT),
	FIELD(msg_status_reply, segments, UINT),
	FIELD(msg_status_reply, stored_bytes, UINT),
	FIELD(msg_status_reply, free_bytes, UINT),
	FIELD(msg_status_reply, units_indexed, UINT),
	FIELD(msg_status_reply, rss_bytes, UINT),
	FIELD(msg_status_reply, damaged_frames, UINT),
	FIELD(msg_status_reply, scrubbed_ms, UINT),
	FIELD(msg_status_reply, data, STR, .len_max = STATUS_DATA_LEN_MAX),
	FIELD(msg_status_reply, index_state, STR),
	FIELD(msg_status_reply, read_only, BOOL),
	FIELD(msg_status_reply, damage, SENTENCE),
	FIELD(msg_status_reply, limited, BOOL),
};
TABLE(status_reply, msg_status_reply, "");

static const struct message_field metrics_reply_fields[] = {
	FIELD(msg_metrics_reply, text, BIN, .required = true),
};
TABLE(metrics_reply, msg_metrics_reply, "");

static const struct message_field backup_fields[] = {
	FIELD(msg_backup, directory, BIN, .required = true, .filled = true,
	      .len_max = BACKUP_DIRECTORY_LEN_MAX),
};
TABLE(backup, msg_backup, "");

static const struct message_field backup_reply_fields[] = {
	FIELD(msg_backup_reply, layers, UINT),
	FIELD(msg_backup_reply, segments, UINT),
	FIELD(msg_backup_reply, unchanged, UINT),
	FIELD(msg_backup_reply, copied_bytes, UINT),
	FIELD(msg_backup_reply, missing, UINT),
};
TABLE(backup_reply, msg_backup_reply, "");

static const struct message_table empty_table = {
	.prefix = "",
	.size = sizeof(struct msg_empty),
};

/* A type without a table is bulk. */
static const struct {
	const char *name;
	const struct message_table *table;
} types[] = {
	[MSG_HELLO] = {"HELLO", &hello_table},
	[MSG_WELCOME] = {"WELCOME", &welcome_table},
	[MSG_ERROR] = {"ERROR", &error_table},
	[MSG_KEEPALIVE] = {"KEEPALIVE", &empty_table},
	[MSG_PERSIST] = {"PERSIST", &persist_table},
	[MSG_READY] = {"READY", &ready_table},
	[MSG_ASK] = {"ASK", NULL},
	[MSG_OFFER] = {"OFFER", NULL},
	[MSG_UNITS] = {"UNITS", NULL},
	[MSG_STORED] = {"STORED", NULL},
	[MSG_ROOT] = {"ROOT", NULL},
	[MSG_COMMIT] = {"COMMIT", &commit_table},
	[MSG_COMMITTED] = {"COMMITTED", &committed_table},
	[MSG_ATTACH] = {"ATTACH", &attach_table},
	[MSG_VIEW] = {"VIEW", &view_table},
	[MSG_ROWS] = {"ROWS", NULL},
	[MSG_ROWS_END] = {"ROWS_END", &rows_end_table},
	[MSG_WANT] = {"WANT", NULL},
	[MSG_FRAME] = {"FRAME", NULL},
	[MSG_FRAMES_END] = {"FRAMES_END", &empty_table},
	[MSG_ATTACHED] = {"ATTACHED", &attached_table},
	[MSG_RECORDED] = {"RECORDED", &empty_table},
	[MSG_WANT_ROWS] = {"WANT_ROWS", &empty_table},
	[MSG_LOG] = {"LOG", &log_table},
	[MSG_LOG_REPLY] = {"LOG_REPLY", &log_reply_table},
	[MSG_STATUS] = {"STATUS", &empty_table},
	[MSG_STATUS_REPLY] = {"STATUS_REPLY", &status_reply_table},
	[MSG_METRICS] = {"METRICS", &empty_table},
	[MSG_METRICS_REPLY] = {"METRICS_REPLY", &metrics_reply_table},
	[MSG_BACKUP] = {"BACKUP", &backup_table},
	[MSG_BACKUP_REPLY] = {"BACKUP_REPLY", &backup_reply_table},
};
/* clang-format on */

const char *message_type_name(uint16_t type)
{
	return type < sizeof(types) / sizeof(types[0]) ? types[type].name : NULL;
}

bool message_type_is_bulk(uint16_t type)
{
	return message_type_name(type) && !types[type].table;
}

const struct message_table *message_table_of(uint16_t type)
{
	return message_type_name(type) ? types[type].table : NULL;
}

size_t message_field_size(const struct message_field *field)
{
	switch (field->kind) {
	case MESSAGE_UINT:
		return sizeof(uint64_t);
	case MESSAGE_BOOL:
		return sizeof(bool);
	case MESSAGE_MAP:
		return field->map->size;
	case MESSAGE_STR:
	case MESSAGE_SENTENCE:
	case MESSAGE_BIN:
	case MESSAGE_PATH:
		break;
	}
	return sizeof(struct text);
}
