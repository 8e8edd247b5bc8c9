#include "daemon/loop/voice.h"

#include <sys/socket.h>

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
static void say_alive(int fd)
{
	ssize_t sent = send(fd, header_keepalive, sizeof header_keepalive,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0 && sent < (ssize_t)sizeof header_keepalive)
		(void)shutdown(fd, SHUT_RDWR);
}

bool voice_keep_alive(struct voice *voice, int fd)
{
	pthread_mutex_lock(&voice->mutex);
	bool silent = voice->silent;
	if (silent)
		say_alive(fd);
	pthread_mutex_unlock(&voice->mutex);
	return silent;
}
