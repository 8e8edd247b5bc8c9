/*
 * The closed list of errors, shared by client, daemon and wire.
 *
 * A function that can fail returns 0 or a negative `enum err`, and takes a last
 * parameter `struct error *error` (never NULL) into which the place that knows the
 * reason writes one sentence: `what: why`, naming the thing, and where there is one the
 * way out. It is written once, passed up untouched and reported once at the edge: by the
 * session as one ERROR message, by the client as `baton: SENTENCE` and an exit status.
 *
 * No thread affinity, no global state.
 */
#ifndef BATON_PROTO_BASE_ERROR_H
#define BATON_PROTO_BASE_ERROR_H

#include <stdint.h>

/* enum, name, wire number, exit status, text when nothing better is known.
 * Names and wire numbers are part of PROTOCOL.md §8 and never reused. */
#define ERR_LIST(X)                                                                      \
	X(INTERNAL, "internal", 1, 1, "an unexpected failure")                           \
	X(USAGE, "usage", 2, 2, "wrong usage")                                           \
	X(IDENTITY, "identity", 3, 2, "an identity that contradicts itself")             \
	X(NOT_FOUND, "not-found", 4, 3, "not there")                                     \
	X(EMPTY, "empty", 5, 3, "nothing matched")                                       \
	X(STALE, "stale", 6, 3, "built on something that was replaced")                  \
	X(CONFLICT, "conflict", 7, 4, "concurrent layers disagree")                      \
	X(DENIED, "denied", 8, 5, "not allowed")                                         \
	X(DAMAGED, "damaged", 9, 6, "damaged data")                                      \
	X(UNEXPECTED, "unexpected", 10, 6, "not the expected digest")                    \
	X(PROTOCOL, "protocol", 11, 6, "the peer does not follow the protocol")          \
	X(VERSION, "version", 12, 6, "no common protocol version")                       \
	X(UNREACHABLE, "unreachable", 13, 7, "the daemon cannot be reached")             \
	X(LOST, "lost", 14, 7, "the connection was lost")                                \
	X(TIMEOUT, "timeout", 15, 7, "no answer in time")                                \
	X(BUSY, "busy", 16, 7, "busy")                                                   \
	X(SHUTDOWN, "shutdown", 17, 7, "shutting down")                                  \
	X(SUPERSEDED, "superseded", 18, 7, "ended by a newer session with the same key") \
	X(READ_ONLY, "read-only", 19, 7, "the store is read-only after a failed write")  \
	X(NO_ROOM, "no-room", 20, 8, "no room")                                          \
	X(LIMIT, "limit", 21, 8, "beyond a limit")                                       \
	X(NO_MEMORY, "no-memory", 22, 8, "out of memory or descriptors")                 \
	X(LOCAL, "local", 23, 9, "a local file error")                                   \
	X(CHANGED, "changed", 24, 9, "a file changed while it was read")                 \
	X(INTERRUPTED, "interrupted", 25, 1, "interrupted")                              \
	X(QUOTA, "quota", 26, 8, "beyond a quota")

enum err {
#define ERR_ENUM(constant, name, number, exit_status, text) ERR_##constant = -(number),
	ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
};

/* Bytes of a sentence with its NUL; longer ones are cut in the middle with "…". */
#define ERROR_TEXT_SIZE 1024

struct error {
	int code; /* 0 or an enum err */
	char text[ERROR_TEXT_SIZE];
	uint32_t advice; /* a set of enum advice (advice.h) */
};

/* Writes code and sentence; returns code, so that `return error_set(…)` reads well. */
int error_set(struct error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with ": STRERROR" of error_number after the sentence. ENOSPC and EDQUOT turn
 * code into ERR_NO_ROOM; ENOMEM, EMFILE and ENFILE into ERR_NO_MEMORY. */
int error_set_errno(struct error *error, int code, int error_number, const char *format,
		    ...) __attribute__((format(printf, 4, 5)));

/* Before the daemon reports an error to a peer: a lack of memory or descriptors passes,
 * so ERR_NO_MEMORY becomes ERR_BUSY with a sentence that says so. */
void error_say_busy(struct error *error);

/* Adds advice to an error that was set; returns the error's code. */
int error_advise(struct error *error, uint32_t advice);

/* "PROGRAM: SENTENCE" on standard error, without what a terminal would obey: it may name
 * what stands in any file. */
void error_print(const char *program, const struct error *error);

/* "not-found" and so on: the name in JSON and logs. "unknown" for a foreign code. */
const char *error_name(int code);

/* The general text of a code. */
const char *error_text(int code);

/* Exit status of the client for a code; 0 for 0, 1 for what is no code. */
int error_exit_status(int code);

/* Number on the wire for a code (positive); that of ERR_INTERNAL for what has none. */
uint32_t error_to_wire(int code);

/* The code of a number on the wire. One that is not in the list (of a later version, or
 * none at all) gives a foreign code, which is named "unknown" and has the exit status
 * that the sender gave with it (ERROR's `exit`): 2 … 9, or 7 where it gave no such. */
int error_from_wire(uint64_t number, uint64_t exit_status);

/* Our own bugs: prints file, line and the claim, then abort(). Stays on in release
 * builds; input never trips it. */
#define claim(truth) ((truth) ? (void)0 : claim_failed(#truth, __FILE__, __LINE__))
__attribute__((noreturn)) void claim_failed(const char *what, const char *file, int line);

#endif
