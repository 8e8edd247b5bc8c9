#include "daemon/backup_command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/ask/ask.h"
#include "daemon/backup/backup.h"
#include "daemon/backup/restore.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* The daemon has another working directory. Owned by the caller. */
static int absolute(const char *path, char **ret_path, struct error *error)
{
	char *here AUTO_FREE = path[0] == '/' ? NULL : getcwd(NULL, 0);
	if (path[0] != '/' && !here)
		return error_set_errno(error, ERR_LOCAL, errno, "`.`");
	claim(asprintf(ret_path, "%s%s%s", here ? here : "", here ? "/" : "", path) > 0);
	return 0;
}

static int ask(const struct config *config, const char *directory,
	       struct backup_figures *ret_figures, struct error *error)
{
	const struct msg_backup message = {.directory = text_of(directory)};
	const struct ask question = {
		.listen = &config->listen,
		.type = MSG_BACKUP,
		.reply_type = MSG_BACKUP_REPLY,
		.message = &message,
	};
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_backup_reply reply;
	uint8_t *payload AUTO_FREE = NULL;
	int err = ask_daemon(&question, &memory, &payload, &reply, error);
	if (err == 0)
		*ret_figures = (struct backup_figures){
			.layers = reply.layers,
			.segments = reply.segments,
			.unchanged = reply.unchanged,
			.copied_bytes = reply.copied_bytes,
			.missing = reply.missing,
		};
	return err;
}

static void on_note(void *context, const char *sentence)
{
	(void)context;
	printf("note: %s\n", sentence);
}

static int copy(struct store *store, const char *directory,
		struct backup_figures *ret_figures, struct error *error)
{
	const struct backup_options options = {.directory = directory};
	struct error ignored;
	int err = backup_run(store, &options, ret_figures, error);
	int closed = store_close(store, err ? &ignored : error);
	return err ? err : closed;
}

/* Where a daemon has the store open it is asked; where none has, the store is opened. */
static int back_up(const struct config *config, const char *directory,
		   struct backup_figures *ret_figures, struct error *error)
{
	const struct store_options options = {.directory = config->data,
					      .on_note = on_note};
	struct store *store;
	if (access(config->data, F_OK) < 0)
		return error_set_errno(error, ERR_NOT_FOUND, errno, "`%s`", config->data);
	int err = store_open(&options, &store, error);
	if (err == ERR_BUSY)
		return ask(config, directory, ret_figures, error);
	return err ? err : copy(store, directory, ret_figures, error);
}

int backup_command_run(const struct config *config, struct error *error)
{
	struct backup_figures figures = {0};
	char *directory AUTO_FREE = NULL;
	int err = absolute(config->arguments.items[0], &directory, error);
	if (err == 0)
		err = back_up(config, directory, &figures, error);
	if (err)
		return err;
	printf("%" PRIu64 " layers in %" PRIu64 " segments, %" PRIu64
	       " of them unchanged; %" PRIu64 " bytes copied\n",
	       figures.layers, figures.segments, figures.unchanged, figures.copied_bytes);
	if (figures.missing == 0)
		return 0;
	return error_set(error, ERR_DAMAGED,
			 "%" PRIu64 " segments are missing and are not in the backup; "
			 "`batond check` tells which",
			 figures.missing);
}

int restore_command_run(const struct config *config, struct error *error)
{
	const struct restore_options options = {
		.backup = config->arguments.items[0],
		.directory = config->data,
	};
	struct restore_figures figures = {0};
	int err = restore_run(&options, &figures, error);
	if (err)
		return err;
	printf("%" PRIu64 " layers in %" PRIu64 " segments, %" PRIu64
	       " bytes, restored to %s\n",
	       figures.layers, figures.segments, figures.bytes, config->data);
	return 0;
}
