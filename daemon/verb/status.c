#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/scrub/scrub.h"
#include "daemon/verb/verb.h"
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

/* What whoever may ask anything may know: that somebody is there, and who. */
static int reply_briefly(struct session *session, struct error *error)
{
	const struct services *services = session->services;
	struct daemon_figures figures = services->figures(services->context);
	struct msg_status_reply reply = {
		.software = text_of("batond " BATON_VERSION),
		.version = PROTOCOL_VERSION,
		.uptime_ms = figures.uptime_ms,
		.started_ms = figures.started_ms,
		.limited = true,
	};
	session_end_silence(session);
	return link_send_control(&session->link, MSG_STATUS_REPLY, &reply, error);
}

int verb_status(struct session *session, struct error *error)
{
	const struct services *services = session->services;
	if (!principal_is_admin_of_all(session->principal))
		return reply_briefly(session, error);
	struct store_figures store;
	int err = store_figures(services->store, &store, error);
	if (err)
		return err;
	struct daemon_figures figures = services->figures(services->context);
	const struct error *refusal = store_refusal(services->store);
	const char *damage = refusal->code == ERR_DAMAGED ? refusal->text : "";
	struct msg_status_reply reply = {
		.software = text_of("batond " BATON_VERSION),
		.version = PROTOCOL_VERSION,
		.uptime_ms = figures.uptime_ms,
		.started_ms = figures.started_ms,
		.pid = (uint64_t)getpid(),
		.sessions = figures.running,
		.connections = figures.connections,
		.waiting = figures.waiting,
		.namespaces = store.catalogue.namespaces,
		.workflows = store.catalogue.workflows,
		.layers = store.catalogue.layers,
		.segments = store.catalogue.segments,
		.stored_bytes = store.stored_bytes,
		.free_bytes = store.free_bytes,
		.units_indexed = store.units_indexed,
		.rss_bytes = anonymous_memory(),
		.damaged_frames = store_damaged_frames(services->store),
		.scrubbed_ms = (uint64_t)scrub_figures(services->scrub).ended_ms,
		.data = text_of(services->data),
		.index_state = text_of(store.index_ready ? "ready" : "rebuilding"),
		.read_only = store.read_only,
		.damage = text_of(damage),
	};
	session_end_silence(session);
	return link_send_control(&session->link, MSG_STATUS_REPLY, &reply, error);
}
