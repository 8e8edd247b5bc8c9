/*
 * Interrupts: SIGINT, SIGTERM and SIGHUP make a descriptor readable, so that every wait
 * ends with ERR_INTERRUPTED and the program cleans up; then it dies by that signal.
 *
 * Some things cannot be waited for like that, such as a reader that does not read: when
 * the grace is over, or with a second signal, the program dies where it stands. What
 * comes at once behind the first is no second one: timeout(1), and who forwards signals,
 * send a single wish twice.
 */
#ifndef BATON_CLIENT_TERMINAL_INTERRUPTS_H
#define BATON_CLIENT_TERMINAL_INTERRUPTS_H

#include <stdbool.h>

/* Long enough to remove a large stage, and what many send a SIGKILL after. */
#define INTERRUPTS_GRACE_MS 10000u
/* Longer than it takes to forward a signal, shorter than it takes to press a key again.
 */
#define INTERRUPTS_SECOND_AFTER_MS 500u

/* Once, before there are threads, by who has something to clean up. A signal that was
 * ignored from the start (nohup) stays ignored. */
void interrupts_init(unsigned grace_ms, unsigned second_after_ms);
/* Readable from the first interrupt on; -1 before interrupts_init(). Not to be read. */
int interrupts_fd(void);
bool interrupts_pending(void);
/* Ends the process by the signal that came; returns if none did. */
void interrupts_die(void);

#endif
