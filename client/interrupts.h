/*
 * Interrupts: SIGINT, SIGTERM and SIGHUP make a descriptor readable, so that every wait
 * ends with ERR_INTERRUPTED and the program cleans up; then it dies by that signal.
 */
#ifndef BATON_CLIENT_INTERRUPTS_H
#define BATON_CLIENT_INTERRUPTS_H

#include <stdbool.h>

/* Once, before there are threads, by who has something to clean up. A signal that was
 * ignored from the start (nohup) stays ignored. */
void interrupts_init(void);
/* Readable from the first interrupt on; -1 before interrupts_init(). Not to be read. */
int interrupts_fd(void);
bool interrupts_pending(void);
/* Ends the process by the signal that came; returns if none did. */
void interrupts_die(void);

#endif
