/* status: what the daemon says of itself and its store. */
#include <inttypes.h>
#include <stdio.h>

#include "client/commands/command.h"
#include "client/question/how.h"
#include "client/terminal/terminal.h"
#include "proto/base/cleanup.h"

/* Who the daemon takes us for. */
static void write_principal(struct json_writer *writer,
			    const struct connection *connection)
{
	json_writer_text(writer, "principal", connection->principal);
	json_writer_text(writer, "tier", connection->tier);
	json_writer_array_begin(writer, "grants");
	for (size_t i = 0; i < connection->grants.count; i++)
		json_writer_text(writer, NULL, connection->grants.items[i]);
	json_writer_array_end(writer);
}

static void print_principal(struct report *report, const struct connection *connection)
{
	report_answer(report, "you are     %s, %s", connection->principal,
		      connection->tier);
	for (size_t i = 0; i < connection->grants.count; i++)
		report_answer(report, "you may     %s", connection->grants.items[i]);
}

/* What everybody is told; the rest is for who administers the daemon. */
static void write_brief(struct json_writer *writer, const struct connection *connection,
			const struct msg_status_reply *reply)
{
	json_writer_text(writer, "server", connection->server);
	json_writer_text_len(writer, "software", reply->software.at, reply->software.len);
	json_writer_unsigned(writer, "protocol", reply->version);
	json_writer_unsigned(writer, "started_ms", reply->started_ms);
	json_writer_unsigned(writer, "uptime_ms", reply->uptime_ms);
	json_writer_boolean(writer, "limited", true);
}

static void print_brief(struct report *report, const struct connection *connection,
			const struct msg_status_reply *reply)
{
	char uptime[HUMAN_TEXT_SIZE];
	report_answer(report, "daemon      %.*s at %s, protocol %" PRIu64 ", up for %s",
		      (int)reply->software.len, reply->software.at, connection->server,
		      reply->version, human_seconds(reply->uptime_ms, uptime));
}

static void write_json(struct json_writer *writer, const char *server,
		       const struct msg_status_reply *reply)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"protocol", reply->version},
		{"pid", reply->pid},
		{"started_ms", reply->started_ms},
		{"uptime_ms", reply->uptime_ms},
		{"connections", reply->connections},
		{"sessions", reply->sessions},
		{"waiting", reply->waiting},
		{"namespaces", reply->namespaces},
		{"workflows", reply->workflows},
		{"layers", reply->layers},
		{"segments", reply->segments},
		{"stored_bytes", reply->stored_bytes},
		{"free_bytes", reply->free_bytes},
		{"units_indexed", reply->units_indexed},
		{"rss_bytes", reply->rss_bytes},
		{"damaged_frames", reply->damaged_frames},
		{"scrubbed_ms", reply->scrubbed_ms},
	};
	json_writer_text(writer, "server", server);
	json_writer_text_len(writer, "software", reply->software.at, reply->software.len);
	json_writer_text_len(writer, "data", reply->data.at, reply->data.len);
	json_writer_text_len(writer, "index_state", reply->index_state.at,
			     reply->index_state.len);
	json_writer_boolean(writer, "read_only", reply->read_only);
	json_writer_text_len(writer, "damage", reply->damage.at, reply->damage.len);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_writer_unsigned(writer, numbers[i].name, numbers[i].value);
}

static void print_daemon(struct report *report, const char *server,
			 const struct msg_status_reply *reply)
{
	char uptime[HUMAN_TEXT_SIZE], memory[HUMAN_TEXT_SIZE];
	char connections[HUMAN_TEXT_SIZE];
	report_answer(report, "daemon      %.*s at %s, protocol %" PRIu64,
		      (int)reply->software.len, reply->software.at, server,
		      reply->version);
	report_answer(report, "process     %" PRIu64 ", up for %s, %s of memory",
		      reply->pid, human_seconds(reply->uptime_ms, uptime),
		      human_size(reply->rss_bytes, memory));
	report_answer(report, "sessions    %" PRIu64 " active, %" PRIu64 " waiting, %s",
		      reply->sessions, reply->waiting,
		      human_things(reply->connections, "connection", connections));
}

static void print_store(struct report *report, const struct msg_status_reply *reply)
{
	char stored[HUMAN_TEXT_SIZE], left[HUMAN_TEXT_SIZE], units[HUMAN_TEXT_SIZE];
	char layers[HUMAN_TEXT_SIZE], workflows[HUMAN_TEXT_SIZE];
	char namespaces[HUMAN_TEXT_SIZE], segments[HUMAN_TEXT_SIZE];
	struct terminal_colours colours = terminal_colours_of(stdout);
	report_answer(report, "store       %.*s, %s stored, %s free%s%s%s",
		      (int)reply->data.len, reply->data.at,
		      human_size(reply->stored_bytes, stored),
		      human_size(reply->free_bytes, left),
		      reply->read_only ? colours.warn : "",
		      reply->read_only ? ", read-only after a failed write" : "",
		      reply->read_only ? colours.plain : "");
	report_answer(report, "holds       %s in %s of %s, %s",
		      human_things(reply->layers, "layer", layers),
		      human_things(reply->workflows, "workflow", workflows),
		      human_things(reply->namespaces, "namespace", namespaces),
		      human_things(reply->segments, "segment", segments));
	report_answer(report, "index       %.*s, %s", (int)reply->index_state.len,
		      reply->index_state.at,
		      human_things(reply->units_indexed, "unit", units));
	if (reply->damaged_frames > 0)
		report_answer(report,
			      "damaged     %s%" PRIu64 " frames; `batond check` on the "
			      "daemon's machine tells which layers need them%s",
			      colours.warn, reply->damaged_frames, colours.plain);
	if (reply->damage.len > 0)
		report_answer(report, "damage      %s%.*s%s", colours.warn,
			      (int)reply->damage.len, reply->damage.at, colours.plain);
}

static int answer(struct connection *connection, struct report *report,
		  struct error *error)
{
	struct link_message message = {0};
	int err = link_expect(&connection->link, MSG_STATUS_REPLY, &message, error);
	if (err < 0)
		return err;
	uint8_t *payload AUTO_FREE = message.payload;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_status_reply reply;
	err = message_decode(&memory, MSG_STATUS_REPLY, payload, message.len, &reply,
			     error);
	if (err < 0)
		return err;
	struct json_writer *writer = report_json(report);
	if (writer) {
		if (reply.limited)
			write_brief(writer, connection, &reply);
		else
			write_json(writer, connection->server, &reply);
		write_principal(writer, connection);
		return 0;
	}
	if (reply.limited) {
		print_brief(report, connection, &reply);
	} else {
		print_daemon(report, connection->server, &reply);
		print_store(report, &reply);
	}
	if (connection->principal[0])
		print_principal(report, connection);
	return 0;
}

int status_run(const struct options *options, struct report *report, struct error *error)
{
	struct connection connection AUTO(connection_close) = {0};
	struct msg_empty message = {0};
	struct connection_request request = {MSG_STATUS, &message};
	struct connection_how how = how_to_connect(options);
	int err = connection_open(&how, connection_patience_given(&how), &request,
				  &connection, error);
	return err < 0 ? err : answer(&connection, report, error);
}
