/*
 * Interrupts: SIGINT, SIGTERM and SIGHUP make a descriptor readable, so that every wait
 * ends with ERR_INTERRUPTED and the program cleans up; then it dies by that signal.
 *
 * Some waits cannot be ended like that, such as writing to a pipe that nobody reads: when
 * the grace is over, or at a second signal, the program dies at once. A signal that comes
 * within second_after_ms of the first is not a second one: timeout(1), and programs that
 * forward signals, send one request twice.
 */
#ifndef BATON_CLIENT_TERMINAL_INTERRUPTS_H
#define BATON_CLIENT_TERMINAL_INTERRUPTS_H

#include <stdbool.h>

/* Long enough to remove a large stage. Many CI systems send SIGKILL after that time. */
#define INTERRUPTS_GRACE_MS 10000u
/* A signal that was forwarded comes again sooner than this; a key that is pressed again
 * comes later. */
#define INTERRUPTS_SECOND_AFTER_MS 500u

/* Called once, before there are threads, if there will be something to clean up. A signal
 * that was ignored from the start (nohup) stays ignored. */
void interrupts_init(unsigned grace_ms, unsigned second_after_ms);
/* Readable from the first interrupt on; -1 before interrupts_init(). Not to be read. */
int interrupts_fd(void);
bool interrupts_pending(void);
/* Ends the process by the signal that came; returns if none came. */
void interrupts_die(void);

#endif
