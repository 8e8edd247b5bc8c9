/* batond: reads its configuration, serves or checks. */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/backup_command.h"
#include "daemon/gc_command.h"
#include "daemon/metrics_command.h"
#include "daemon/rebuild_command.h"
#include "daemon/server.h"
#include "daemon/service/config.h"
#include "daemon/store/check/check.h"
#include "daemon/store/store.h"
#include "daemon/token_command.h"
#include "proto/base/cleanup.h"
#include "proto/machine/descriptor_limit.h"
#include "proto/machine/parallel.h"
#include "proto/options/help.h"

/* From this size on malloc maps a block by itself and unmaps it when it is freed. This is
 * glibc's default, but unless it is set explicitly glibc raises it to the size of the
 * largest block freed, and the freed memory of one session is then held between blocks of
 * others. Measured with 16 sessions, each over 32 layers: 136 MiB instead of 46 MiB, and
 * no faster. */
#define MAPPED_BY_ITSELF_LEN (128 * 1024)

/* glibc's default is eight arenas for each core, each of which keeps what its threads
 * freed. One for each core is enough: no more threads run at once. */
static void set_arenas(void)
{
	(void)mallopt(M_ARENA_MAX, (int)parallel_cores());
}

static void on_damage(void *context, const char *sentence)
{
	(void)context;
	printf("damaged: %s\n", sentence);
}

static void on_note(void *context, const char *sentence)
{
	(void)context;
	printf("note: %s\n", sentence);
}

static void on_healed(void *context, const char *sentence)
{
	(void)context;
	printf("healed: %s\n", sentence);
}

static void on_progress(void *context, uint64_t done, uint64_t total)
{
	(void)context;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rchecked %" PRIu64 " of %" PRIu64 " ", done, total);
	if (isatty(STDERR_FILENO) && done == total)
		fprintf(stderr, "\r\033[K");
}

/* 1: the file is in the directory; 0: it is not; <0: an error. */
static int is_there(const char *data, const char *name, struct error *error)
{
	AUTO_FREE char *path = NULL;
	claim(asprintf(&path, "%s/%s", data, name) > 0);
	if (access(path, F_OK) == 0)
		return 1;
	if (errno == ENOENT || errno == ENOTDIR)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "`%s`", path);
}

/* A mistyped --data must not pass as an empty store without damage. A store that lost
 * only its `format` is still a store. */
static int find_store(const char *data, struct error *error)
{
	int found = is_there(data, "format", error);
	if (found == 0)
		found = is_there(data, "catalogue.db", error);
	if (found)
		return found < 0 ? found : 0;
	return error_set(error, ERR_NOT_FOUND,
			 "`%s`: holds no store; name the daemon's data directory with "
			 "--data",
			 data);
}

/* What is to be done about damaged frames, or was. */
static void print_advice(const struct config *config, const struct check_figures *figures)
{
	if (figures->unmarked == 0)
		printf("\n");
	else if (config->mark)
		printf("; %" PRIu64 " frames marked, which nothing is reused from\n",
		       figures->unmarked);
	else
		printf("; `batond check --read-data --mark` keeps them from being "
		       "reused\n");
}

static void print_figures(const struct config *config,
			  const struct check_figures *figures)
{
	printf("%" PRIu64 " layers, %" PRIu64 " segments, %" PRIu64 " frames, %" PRIu64
	       " units, %" PRIu64 " bytes%s: ",
	       figures->layers, figures->segments, figures->frames, figures->units,
	       figures->bytes, config->read_data ? ", all data read" : "");
	if (figures->damaged > 0)
		printf("%" PRIu64 " damaged", figures->damaged);
	else if (figures->healed > 0)
		printf("no damage but %" PRIu64 " healed", figures->healed);
	else
		printf("no damage");
	print_advice(config, figures);
}

static int check(const struct config *config, struct error *error)
{
	struct store *store = NULL;
	struct store_options options = {
		.directory = config->data,
		.reads_only = true,
		.may_mark = config->mark,
		.on_note = on_note,
	};
	int err = find_store(config->data, error);
	if (err == 0)
		err = store_open(&options, &store, error);
	if (err)
		return err;
	struct check_options check_options = {
		.read_data = config->read_data,
		.mark = config->mark,
		.on_damage = on_damage,
		.on_healed = on_healed,
		.on_progress = on_progress,
	};
	struct check_figures figures = {0};
	err = check_store(store, &check_options, &figures, error);
	struct error ignored = {0};
	int closed = store_close(store, err ? &ignored : error);
	if (err || closed)
		return err ? err : closed;
	print_figures(config, &figures);
	if (figures.damaged == 0)
		return 0;
	return error_set(error, ERR_DAMAGED, "%s: %" PRIu64 " %s damaged", config->data,
			 figures.damaged,
			 figures.damaged == 1 ? "thing is" : "things are");
}

static int run(const struct config *config, struct error *error)
{
	switch (config->verb) {
	case CONFIG_HELP:
		return option_help(
			&batond,
			config->arguments.count > 0 ? config->arguments.items[0] : NULL,
			error);
	case CONFIG_VERSION:
		printf("batond %s, protocol %u\n", BATON_VERSION, PROTOCOL_VERSION);
		return 0;
	case CONFIG_CHECK:
		return check(config, error);
	case CONFIG_REBUILD:
		return rebuild_command_run(config, error);
	case CONFIG_BACKUP:
		return backup_command_run(config, error);
	case CONFIG_RESTORE:
		return restore_command_run(config, error);
	case CONFIG_METRICS:
		return metrics_command_run(config, error);
	case CONFIG_GC:
		return find_store(config->data, error) ? error->code
						       : gc_command_run(config, error);
	case CONFIG_TOKEN:
		return error_set(error, ERR_USAGE,
				 "token: has to be the first word; its options follow");
	default:
		return 0;
	}
}

int main(int argc, char *argv[])
{
	struct config config;
	struct error error = {0};
	(void)mallopt(M_MMAP_THRESHOLD, MAPPED_BY_ITSELF_LEN);
	set_arenas();
	descriptor_limit_raise();
	if (argc > 1 && strcmp(argv[1], "token") == 0)
		return token_command_run(argc - 1, argv + 1);
	int err = config_read(&config, argc, argv, &error);
	if (err == 0 && config.verb == CONFIG_SERVE) {
		int status = server_run(&config);
		config_fini(&config);
		return status;
	}
	if (err == 0)
		err = run(&config, &error);
	if (err)
		error_print("batond", &error);
	config_fini(&config);
	return error_exit_status(err);
}
