/*
 * `batond token`: changes the daemon's keys and tokens in its data directory, also while
 * the daemon runs, which sees the change with its next request.
 */
#ifndef BATON_DAEMON_TOKEN_COMMAND_H
#define BATON_DAEMON_TOKEN_COMMAND_H

/* argv[0] is "token". Returns the exit status; errors were printed. */
int token_command_run(int argc, char *const *argv);

#endif
