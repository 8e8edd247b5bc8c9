#include "daemon/gc_command.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/store/removal/collector.h"
#include "daemon/store/store.h"
#include "proto/base/cleanup.h"
#include "proto/base/json_writer.h"

/* ---- a daemon that runs ------------------------------------------------------------ */

/* Whether the process has that file open: the number in it may be another's by now. */
static bool has_open(long pid, const struct stat *file)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	DIR *dir AUTO_DIR = opendir(path);
	const struct dirent *entry;
	struct stat status;
	while (dir && (entry = readdir(dir)))
		if (fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 &&
		    status.st_dev == file->st_dev && status.st_ino == file->st_ino)
			return true;
	return false;
}

/* The process that holds the lock; 0: it is not to be found. */
static long find_daemon(const char *data)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/lock", data) > 0);
	FILE *file = fopen(path, "re");
	struct stat status;
	char text[32] = "";
	long pid = 0;
	if (file && fgets(text, sizeof(text), file) && fstat(fileno(file), &status) == 0)
		pid = strtol(text, NULL, 10);
	if (file)
		(void)fclose(file);
	return pid > 0 && has_open(pid, &status) ? pid : 0;
}

/* `error` says that the store is in use. */
static int ask_daemon(const struct config *config, struct error *error)
{
	struct error busy = *error;
	if (config->dry_run)
		return error_set(
			error, ERR_BUSY,
			"%s; what would go can only be told while no daemon runs",
			busy.text);
	long pid = find_daemon(config->data);
	if (pid == 0 || kill((pid_t)pid, SIGUSR1) < 0)
		return busy.code;
	if (config->json)
		printf("{\"asked\":%ld}\n", pid);
	else
		printf("asked batond (process %ld) to do it now; its log says what "
		       "went\n",
		       pid);
	return 0;
}

/* ---- what it says ------------------------------------------------------------------ */

struct story {
	const struct config *config; /* borrowed */
	struct buffer line;
	struct json_writer writer;
};

static void story_fini(struct story *story)
{
	buffer_fini(&story->line);
}

static const char *deed_name(enum collector_deed deed)
{
	static const char *const names[] = {
		[COLLECTOR_LAYER] = "layer",
		[COLLECTOR_SEGMENT] = "segment",
		[COLLECTOR_COMPACT] = "compaction",
	};
	return names[deed];
}

static void write_finding(struct story *story, const struct collector_finding *finding)
{
	struct json_writer *writer = &story->writer;
	json_writer_object_begin(writer, NULL);
	json_writer_text(writer, "what", deed_name(finding->deed));
	if (finding->layer) {
		char id[LAYER_ID_TEXT_SIZE];
		layer_id_text(finding->layer->name, id);
		json_writer_text(writer, "layer", id);
		json_writer_text(writer, "workflow", finding->layer->workflow);
		json_writer_text(writer, "why",
				 finding->layer->ended ? "removed" : "expired");
	} else {
		json_writer_text(writer, "segment", finding->segment);
		json_writer_unsigned(writer, "stored_bytes", finding->stored);
		json_writer_unsigned(writer, "needed_bytes", finding->alive);
	}
	json_writer_object_end(writer);
}

static void print_layer(const struct removed_layer *layer)
{
	char id[LAYER_ID_TEXT_SIZE];
	layer_id_text(layer->name, id);
	printf("layer %s (workflow `%s`): %s\n", id, layer->workflow,
	       layer->ended ? "somebody removed it"
			    : "its workflow has expired, and nothing living has it");
}

static void print_finding(const struct collector_finding *finding)
{
	switch (finding->deed) {
	case COLLECTOR_LAYER:
		print_layer(finding->layer);
		break;
	case COLLECTOR_SEGMENT:
		printf("segment `%s`: %" PRIu64 " bytes that nothing reaches\n",
		       finding->segment, finding->stored);
		break;
	case COLLECTOR_COMPACT:
		printf("segment `%s`: of %" PRIu64 " bytes %" PRIu64 " are needed\n",
		       finding->segment, finding->stored, finding->alive);
		break;
	}
}

static void on_finding(void *context, const struct collector_finding *finding)
{
	struct story *story = context;
	if (story->config->json)
		write_finding(story, finding);
	else
		print_finding(finding);
}

static void print_report(struct story *story, const struct collector_report *report)
{
	const char *would = story->config->dry_run ? "would be " : "";
	if (report->stopped.code)
		printf("note: %s\n", report->stopped.text);
	printf("%" PRIu64 " workflows and %" PRIu64 " layers %sgiven up, %" PRIu64
	       " segments %sremoved, %" PRIu64 " compacted: %" PRIu64 " bytes\n",
	       report->workflows, report->layers, would, report->removed, would,
	       report->compacted, report->freed);
}

static void write_report(struct story *story, const struct collector_report *report)
{
	struct json_writer *writer = &story->writer;
	json_writer_array_end(writer);
	json_writer_text(writer, "stopped",
			 report->stopped.code ? report->stopped.text : NULL);
	json_writer_unsigned(writer, "workflows", report->workflows);
	json_writer_unsigned(writer, "layers", report->layers);
	json_writer_unsigned(writer, "segments_removed", report->removed);
	json_writer_unsigned(writer, "segments_compacted", report->compacted);
	json_writer_unsigned(writer, "freed_bytes", report->freed);
	json_writer_object_end(writer);
	printf("%.*s\n", (int)story->line.len, (const char *)story->line.at);
}

/* ---- the pass ---------------------------------------------------------------------- */

static int collect(struct story *story, struct store *store, struct error *error)
{
	const struct collector_options options = {
		.dry_run = story->config->dry_run,
		.wait_ms = COLLECTOR_WAIT_MS,
		.least_gain = COLLECTOR_LEAST_GAIN,
		.on_finding = on_finding,
		.context = story,
	};
	json_writer_init(&story->writer, &story->line);
	if (story->config->json) {
		json_writer_object_begin(&story->writer, NULL);
		json_writer_array_begin(&story->writer, "findings");
	}
	struct collector_report report;
	store_await_index(store);
	struct collector *collector = collector_new(store);
	int err = collector_run(collector, &options, &report, error);
	collector_free(collector);
	if (err)
		return err;
	if (story->config->json)
		write_report(story, &report);
	else
		print_report(story, &report);
	return 0;
}

int gc_command_run(const struct config *config, struct error *error)
{
	const struct store_options options = {.directory = config->data,
					      .reads_only = config->dry_run};
	struct story story AUTO(story_fini) = {.config = config};
	struct store *store = NULL;
	int err = store_open(&options, &store, error);
	if (err == ERR_BUSY)
		return ask_daemon(config, error);
	if (err)
		return err;
	err = store_refusal(store)->code ? store_refusal(store)->code
					 : collect(&story, store, error);
	if (store_refusal(store)->code)
		*error = *store_refusal(store);
	struct error ignored = {0};
	int closed = store_close(store, err ? &ignored : error);
	return err ? err : closed;
}
