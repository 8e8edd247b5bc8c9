#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/peer.h"
#include "daemon/server.h"
#include "daemon/session.h"
#include "daemon/workers.h"
#include "proto/base/cleanup.h"

/* RssAnon of this process in bytes; 0 where /proc does not tell. */
static uint64_t anonymous_memory(void)
{
	AUTO_STREAM FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	unsigned long long kib = 0;
	while (status && fgets(line, sizeof(line), status)) {
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
			return kib * 1024;
	}
	return 0;
}

static uint64_t uptime_ms(const struct server *server)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 -
	       server->started_mono_ms;
}

int session_status(struct session *session, struct error *error)
{
	struct server *server = session->server;
	struct store_figures store;
	int code = store_figures(server->store, &store, error);
	if (code)
		return code;
	struct workers_figures workers = workers_figures(server->workers);
	struct msg_status_reply reply = {
		.software = text_of("batond " BATON_VERSION),
		.version = PROTOCOL_VERSION,
		.uptime_ms = uptime_ms(server),
		.started_ms = server->started_ms,
		.pid = (uint64_t)getpid(),
		.sessions = workers.running,
		.connections = server->peer_count,
		.waiting = workers.waiting,
		.namespaces = store.catalogue.namespaces,
		.workflows = store.catalogue.workflows,
		.layers = store.catalogue.layers,
		.segments = store.catalogue.segments,
		.stored_bytes = store.stored_bytes,
		.free_bytes = store.free_bytes,
		.units_indexed = store.units_indexed,
		.rss_bytes = anonymous_memory(),
		.data = text_of(server->config->data),
		.index_state = text_of(store.index_ready ? "ready" : "rebuilding"),
		.read_only = store.read_only,
	};
	session_end_silence(session);
	return link_send_control(&session->link, MSG_STATUS_REPLY, &reply, error);
}
