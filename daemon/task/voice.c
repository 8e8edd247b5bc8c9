#include "daemon/task/voice.h"

#include <string.h>

#include "proto/base/error.h"
#include "proto/link/header.h"

void voice_init(struct voice *voice)
{
	claim(pthread_mutex_init(&voice->mutex, NULL) == 0);
	voice->silent = false;
}

void voice_fini(struct voice *voice)
{
	pthread_mutex_destroy(&voice->mutex);
}

void voice_set_silent(struct voice *voice, bool silent)
{
	pthread_mutex_lock(&voice->mutex);
	voice->silent = silent;
	pthread_mutex_unlock(&voice->mutex);
}

/* After half a KEEPALIVE all that follows would be misread: then the connection is
 * cut. */
static void say_alive(const struct transport *transport)
{
	uint8_t keepalive[KEEPALIVE_LEN];
	memcpy(keepalive, header_keepalive, sizeof(keepalive));
	struct iovec piece = {keepalive, sizeof(keepalive)};
	ssize_t sent = transport_send(transport, &piece, 1, false);
	if (sent >= 0 && sent < (ssize_t)sizeof(keepalive))
		transport_cut(transport);
}

bool voice_keep_alive(struct voice *voice, const struct transport *transport)
{
	pthread_mutex_lock(&voice->mutex);
	bool silent = voice->silent;
	if (silent)
		say_alive(transport);
	pthread_mutex_unlock(&voice->mutex);
	return silent;
}
