/*
 * Receiving what was wanted (PROTOCOL.md §6, WANT and FRAME): the calling thread fills
 * leased buffers from the link, as many workers as there are cores decode a frame each,
 * check every unit that is used, and hand it to a sink, once for each place it goes to.
 *
 * A unit is used only under its whole name: XXH3-128, length and SHA-256 as the row gives
 * them have to be those of the frame's table, and its bytes have the XXH3-128 (rule T6).
 * Frames that nobody wanted are dropped undecoded. Memory: two buffers of what a frame
 * takes for each worker and one more, and one frame's bytes for each worker.
 */
#ifndef BATON_CLIENT_DOWNLOAD_DOWNLOAD_H
#define BATON_CLIENT_DOWNLOAD_DOWNLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "client/download/want.h"
#include "proto/base/error.h"
#include "proto/link/link.h"

struct download_sink {
	/* The bytes of a mention, valid during the call; called on worker `worker` (from
	 * 0), each mention once. A failure ends the download. */
	int (*on_unit)(void *context, unsigned worker, uint32_t mention,
		       const uint8_t *bytes, struct error *error);
	void *context; /* borrowed */
};

/*
 * Receives one round, after want_send(), until FRAMES_END. verify: also computes the
 * SHA-256 of every unit used. ERR_DAMAGED names the file, also where something was not
 * sent; else what link and sink have to say. After a failure the link is of no more use.
 */
int download_run(struct link *link, struct want *want, const struct download_sink *sink,
		 bool verify, struct error *error);

#endif
