#include "daemon/metrics/page.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/metrics/exposition.h"
#include "daemon/metrics/metrics.h"
#include "daemon/scrub/scrub.h"
#include "daemon/store/facts/shares.h"
#include "daemon/upkeep/removal.h"
#include "proto/base/cleanup.h"

static void write_build(struct buffer *out)
{
	const struct exposition_label labels[] = {{"version", text_of(BATON_VERSION)},
						  {0}};
	exposition_family(out, "batond_build_info", "gauge", "Which batond this is.");
	exposition_number(out, "batond_build_info", labels, 1);
}

static void write_daemon(const struct services *services, struct buffer *out)
{
	struct daemon_figures figures = services->figures(services->context);
	exposition_family(out, "process_start_time_seconds", "gauge",
			  "When the daemon began, in seconds since 1970.");
	exposition_seconds(out, "process_start_time_seconds", NULL, figures.started_ms);
	exposition_gauge(out, "batond_connections", "Connections that are open.",
			 figures.connections);
	exposition_gauge(out, "batond_requests_running", "Requests being worked on.",
			 figures.running);
	exposition_gauge(out, "batond_requests_waiting",
			 "Requests that wait for a permit to run.", figures.waiting);
	exposition_gauge(out, "batond_request_permits",
			 "Requests that may be worked on at once (--sessions).",
			 figures.running_max);
}

/* ---- the process ------------------------------------------------------------------ */

static uint64_t resident_bytes(void)
{
	AUTO_STREAM FILE *statm = fopen("/proc/self/statm", "re");
	unsigned long long size, resident = 0;
	if (!statm || fscanf(statm, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t open_descriptors(void)
{
	DIR *dir AUTO_DIR = opendir("/proc/self/fd");
	uint64_t count = 0;
	const struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	return count;
}

static void write_process(struct buffer *out)
{
	exposition_gauge(out, "process_resident_memory_bytes",
			 "Memory of the daemon that is in use.", resident_bytes());
	exposition_gauge(out, "process_open_fds", "Descriptors that are open.",
			 open_descriptors());
}

/* ---- the store -------------------------------------------------------------------- */

static void write_store(const struct services *services,
			const struct store_figures *store, struct buffer *out)
{
	exposition_gauge(out, "batond_namespaces", "Namespaces.",
			 store->catalogue.namespaces);
	exposition_gauge(out, "batond_workflows", "Workflows that have not expired.",
			 store->catalogue.workflows);
	exposition_gauge(out, "batond_layers", "Layers that the catalogue has.",
			 store->catalogue.layers);
	exposition_gauge(out, "batond_segments", "Segment files.",
			 store->catalogue.segments);
	exposition_gauge(out, "batond_stored_bytes", "Bytes in segments.",
			 store->stored_bytes);
	exposition_gauge(out, "batond_free_bytes",
			 "Room that the daemon has on its file system.",
			 store->free_bytes);
	exposition_gauge(out, "batond_units_indexed",
			 "Units that the next persist can reuse.", store->units_indexed);
	exposition_gauge(out, "batond_index_ready",
			 "0 while the unit index is rebuilt, and less is reused.",
			 store->index_ready);
	exposition_gauge(out, "batond_read_only",
			 "1 after a failed write: the daemon ends itself.",
			 store->read_only);
	exposition_gauge(out, "batond_refuses_changes",
			 "1 where no change is taken: the catalogue is damaged or has "
			 "forgotten something, or there is no room for a start.",
			 store_refusal(services->store)->code != 0);
	exposition_gauge(out, "batond_damaged_frames",
			 "Frames that are known to be damaged.",
			 store_damaged_frames(services->store));
}

static void write_scrub(const struct services *services, struct buffer *out)
{
	struct scrub_figures figures = scrub_figures(services->scrub);
	exposition_family(out, "batond_scrub_read_bytes_total", "counter",
			  "Bytes that were read by themselves, to find damage.");
	exposition_number(out, "batond_scrub_read_bytes_total", NULL, figures.bytes);
	exposition_family(out, "batond_scrub_damaged_frames_total", "counter",
			  "Frames that were found damaged by that.");
	exposition_number(out, "batond_scrub_damaged_frames_total", NULL,
			  figures.damaged);
	exposition_family(out, "batond_scrub_last_end_timestamp_seconds", "gauge",
			  "When all that is stored had been read last; 0: not known.");
	exposition_seconds(out, "batond_scrub_last_end_timestamp_seconds", NULL,
			   (uint64_t)figures.ended_ms);
}

static void write_count(struct buffer *out, const char *name, const char *help,
			uint64_t number)
{
	exposition_family(out, name, "counter", help);
	exposition_number(out, name, NULL, number);
}

static void write_removal(const struct services *services, struct buffer *out)
{
	const struct removal_totals *totals = services->removal;
	if (!totals)
		return;
	write_count(out, "batond_removal_passes_total",
		    "Times that was looked for what nothing reaches any more.",
		    totals->passes);
	write_count(out, "batond_removal_layers_total", "Layers that were given up.",
		    totals->layers);
	write_count(out, "batond_removal_segments_total", "Segments that were removed.",
		    totals->removed);
	write_count(out, "batond_removal_compacted_segments_total",
		    "Segments that were copied without what nobody needs.",
		    totals->compacted);
	write_count(out, "batond_removal_freed_bytes_total", "Bytes that are free again.",
		    totals->freed);
	exposition_gauge(out, "batond_removal_stopped",
			 "1 while damage keeps removal from a namespace.",
			 totals->stopped);
}

static void write_share(const struct namespace_share *share, const char *name,
			uint64_t number, struct buffer *out)
{
	const struct exposition_label labels[] = {
		{"namespace", text_of(share->name)},
		{"tier", text_of(share->tier == TIER_TRUSTED ? "trusted" : "untrusted")},
		{0}};
	exposition_number(out, name, labels, number);
}

static int write_shares(const struct services *services, struct buffer *out,
			struct error *error)
{
	struct namespace_share *shares AUTO_FREE = NULL;
	size_t count;
	int err = shares_load(store_catalogue(services->store), &shares, &count, error);
	if (err)
		return err;
	exposition_family(out, "batond_namespace_stored_bytes", "gauge",
			  "Bytes in the segments of a namespace and tier: of the 500 "
			  "largest.");
	for (size_t i = 0; i < count; i++)
		write_share(&shares[i], "batond_namespace_stored_bytes",
			    shares[i].stored_bytes, out);
	exposition_family(out, "batond_namespace_hole_bytes", "gauge",
			  "Bytes that compaction has left out of these segments.");
	for (size_t i = 0; i < count; i++)
		write_share(&shares[i], "batond_namespace_hole_bytes",
			    shares[i].hole_bytes, out);
	return 0;
}

int metrics_page(const struct services *services, struct buffer *out, struct error *error)
{
	struct store_figures store;
	int err = store_figures(services->store, &store, error);
	if (err)
		return err;
	write_build(out);
	write_daemon(services, out);
	write_process(out);
	metrics_write(services->metrics, out);
	write_store(services, &store, out);
	write_scrub(services, out);
	write_removal(services, out);
	return write_shares(services, out, error);
}
