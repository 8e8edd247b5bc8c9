/*
 * What a progress line says. Pure functions.
 */
#ifndef BATON_CLIENT_TERMINAL_PROGRESS_LINE_H
#define BATON_CLIENT_TERMINAL_PROGRESS_LINE_H

#include <stddef.h>
#include <stdint.h>

#define PROGRESS_LINE_SIZE 256

struct progress_figures {
	const char *verb; /* borrowed */
	uint64_t files, bytes;
	uint64_t total_files, total_bytes; /* 0: not known */
	uint64_t bytes_per_second;         /* 0: not known yet */
	uint64_t work_per_second;          /* likewise; progress_work() */
};

/* The work in files and bytes together, as bytes: small files go by at fewer bytes a
 * second than a large one, and a tree may have both. */
uint64_t progress_work(uint64_t files, uint64_t bytes);

/* "persist: 12,345 of 58,012 files, 120 MiB of 657 MiB (18 %), 85 MiB/s, 6.3 s left",
 * without what is not known: time is left only where the bytes to come are known. ASCII,
 * at most size - 1 bytes; returns ret_line. */
const char *progress_line(const struct progress_figures *figures, char *ret_line,
			  size_t size);

/* A rate that follows the last few seconds: the old one and the bytes, or the work, that
 * came in elapsed_ms. */
uint64_t progress_rate(uint64_t old_rate, uint64_t amount, uint64_t elapsed_ms);

#endif
