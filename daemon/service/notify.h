/*
 * Telling the service manager: one datagram to $NOTIFY_SOCKET, as sd_notify(3) describes
 * it. Nothing where the variable is not set.
 */
#ifndef BATON_DAEMON_SERVICE_NOTIFY_H
#define BATON_DAEMON_SERVICE_NOTIFY_H

/* "READY=1", "STOPPING=1". Failures are ignored: nobody is there to be told. */
void notify_state(const char *state);

#endif
