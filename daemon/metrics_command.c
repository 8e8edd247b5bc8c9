#include "daemon/metrics_command.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/ask/ask.h"
#include "proto/base/cleanup.h"

int metrics_command_run(const struct config *config, struct error *error)
{
	static const struct msg_empty message;
	const struct ask ask = {
		.listen = &config->listen,
		.type = MSG_METRICS,
		.reply_type = MSG_METRICS_REPLY,
		.message = &message,
	};
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_metrics_reply reply;
	uint8_t *payload AUTO_FREE = NULL;
	int err = ask_daemon(&ask, &memory, &payload, &reply, error);
	if (err)
		return err;
	if (fwrite(reply.text.at, 1, reply.text.len, stdout) == reply.text.len &&
	    fflush(stdout) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "standard output");
}
