/*
 * A connection without a socket: its other end has said all of its bytes before it
 * begins, and hears what is sent. It never has to be waited for; after the last byte the
 * stream ends. Belongs to one thread.
 */
#ifndef BATON_TESTS_FUZZ_MEMORY_STREAM_H
#define BATON_TESTS_FUZZ_MEMORY_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/transport/transport.h"

struct memory_stream {
	const uint8_t *at; /* borrowed; what is still to be received */
	size_t left;
	size_t step;        /* most bytes given at a time; 0: as many as are asked for */
	struct buffer sent; /* owned */
};

/* Borrows the stream, which the caller ends with buffer_fini(&stream->sent). It has a
 * descriptor that is always ready, the same for all, which nobody may close. */
struct transport memory_stream_transport(struct memory_stream *stream);

#endif
