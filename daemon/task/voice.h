/*
 * Who speaks on a connection whose request is running: the session, or, while the session
 * is silent, the loop, which sends KEEPALIVE in its place. Any thread.
 */
#ifndef BATON_DAEMON_TASK_VOICE_H
#define BATON_DAEMON_TASK_VOICE_H

#include <pthread.h>
#include <stdbool.h>

#include "proto/transport/transport.h"

/* How long whoever was told a last thing may go on sending before the connection is cut:
 * closing at once would throw away the ERROR that it has not read yet. */
#define LINGER_MS 2000u

struct voice {
	pthread_mutex_t mutex; /* guards silent, and sending while silent */
	bool silent;           /* the session says nothing for a while */
};

void voice_init(struct voice *voice);
void voice_fini(struct voice *voice);

/* From the session. After setting it to false the loop sends nothing, and what it was
 * sending has been sent. */
void voice_set_silent(struct voice *voice, bool silent);

/* From the loop: sends a KEEPALIVE if the session is silent; false: it is not. Does
 * not wait: a full socket means that the other side has bytes to read, and needs no
 * KEEPALIVE. */
bool voice_keep_alive(struct voice *voice, const struct transport *transport);

#endif
