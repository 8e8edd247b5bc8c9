/*
 * A struct io over the operating system's that fails the n-th call, writes short, and
 * cuts the power.
 *
 * What a power cut may do is kept in memory: for each file the bytes that were synced and
 * the writes and truncates since, for each directory the names that were synced and those
 * created, renamed and unlinked since. Syncing a file says nothing about its name. What
 *is in a directory when its first call comes by counts as durable. The files themselves
 *are on the real disk (a test puts them in a temporary directory), so whatever reads them
 * otherwise sees what a living process sees.
 *
 * A sync that is made to fail behaves as Linux does. Of a file, part of what was to be
 * written is on the disk, the rest is forgotten, and a later sync succeeds without it.
 * Names are not forgotten: they go through the file system's journal.
 *
 * A test of one sequence of calls:
 *
 *	struct io_fault *fault = io_fault_new(seed);
 *	io_fault_fail(fault, IO_CALL_ANY, n, true, EIO);
 *	… the sequence with io_fault_table(fault); note what was acknowledged …
 *	… close everything: calls still fail, but descriptors are closed …
 *	io_fault_cut(fault);      // only where the machine, not just the disk, fails
 *	io_fault_free(fault);
 *	… open again with &io_system: everything acknowledged is there …
 *
 * for n = 1, 2, 3 … until io_fault_has_failed says that a run had fewer calls.
 *
 * Any thread: one mutex inside.
 */
#ifndef BATON_TESTS_IO_FAULT_H
#define BATON_TESTS_IO_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"

enum io_call {
	IO_CALL_OPEN = 1 << 0,
	IO_CALL_CLOSE = 1 << 1,
	IO_CALL_READ = 1 << 2,
	IO_CALL_WRITE = 1 << 3,
	IO_CALL_TRUNCATE = 1 << 4,
	IO_CALL_SYNC = 1 << 5, /* fsync and fdatasync */
	IO_CALL_UNLINK = 1 << 6,
	IO_CALL_RENAME = 1 << 7,
	IO_CALL_SIZE = 1 << 8,
	IO_CALL_ANY = (1 << 9) - 1,
};

struct io_fault;

/* The seed decides which un-synced changes survive, and how short a write is. */
struct io_fault *io_fault_new(uint64_t seed);
/* Every descriptor opened through it must be closed (claimed). NULL is fine. */
void io_fault_free(struct io_fault *fault);

/* Borrowed; for whatever takes a `const struct io *`. */
const struct io *io_fault_table(const struct io_fault *fault);

/* Fails the n-th call of these kinds from now on (1: the next one), and with `forever`
 * all of them after it. 0: none. A close that fails closes all the same. Error number 0:
 * a read or write transfers a part of what it should, which counts as failing. EINTR
 * comes a few times in a row at most: what is interrupted is tried again. */
void io_fault_fail(struct io_fault *fault, unsigned kinds, uint64_t nth, bool forever,
		   int error_number);
/* Whether a call was made to fail since the last io_fault_fail. */
bool io_fault_has_failed(struct io_fault *fault);

/* From now on a write of more than one byte transfers a part of it, as often as not. */
void io_fault_write_short(struct io_fault *fault, bool on);

/* Cuts the power: leaves on the disk what was durable and a random part of what was not,
 * in sectors of 512 bytes. From then on every call fails with EIO. */
void io_fault_cut(struct io_fault *fault);

/* Descriptors opened and not closed: 0 where nothing leaks. */
unsigned io_fault_open_count(struct io_fault *fault);

#endif
