#include "daemon/backup/backup.h"

#include <poll.h>

#include "daemon/verb/verb.h"
#include "proto/base/cleanup.h"

static bool should_stop(void *context)
{
	const struct session *session = context;
	struct pollfd wake = {.fd = session->wake_fd, .events = POLLIN};
	return poll(&wake, 1, 0) > 0;
}

/* The daemon writes there as itself: nobody but its operator may say where. */
static int check_asker(const struct session *session, struct error *error)
{
	if (session->local && principal_is_admin_of_all(session->principal))
		return 0;
	return error_set(
		error, ERR_DENIED,
		"a backup is for who has the verb admin in every namespace, over "
		"the daemon's Unix socket");
}

int verb_backup(struct session *session, struct error *error)
{
	char *directory = arena_text(session->arena, session->request->backup.directory);
	const struct backup_options options = {
		.directory = directory,
		.should_stop = should_stop,
		.context = session,
	};
	struct backup_figures figures = {0};
	int err = check_asker(session, error);
	if (err == 0 && directory[0] != '/')
		err = error_set(error, ERR_USAGE,
				"a backup needs a directory that begins with /");
	if (err == 0)
		err = backup_run(session->services->store, &options, &figures, error);
	if (err)
		return err;
	const struct msg_backup_reply reply = {
		.layers = figures.layers,
		.segments = figures.segments,
		.unchanged = figures.unchanged,
		.copied_bytes = figures.copied_bytes,
		.missing = figures.missing,
	};
	session_end_silence(session);
	return link_send_control(&session->link, MSG_BACKUP_REPLY, &reply, error);
}
