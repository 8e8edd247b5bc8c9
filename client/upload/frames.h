/*
 * Which bytes go into which frame: what the daemon lacks of an answered batch, gathered
 * with its neighbours, compressed and sent.
 */
#ifndef BATON_CLIENT_UPLOAD_FRAMES_H
#define BATON_CLIENT_UPLOAD_FRAMES_H

#include "client/content/reading.h"
#include "client/upload/exchange.h"
#include "proto/unit/codec.h"

struct frames {
	struct exchange *exchange; /* borrowed */
	struct reading *reading;   /* borrowed */
	/* What is left of batches and waits to share a frame with others; owned. NULL
	 * while the calling thread is alone. Under the flow's lock. */
	struct batch *open;
};

/* What one thread needs to compress. */
struct packer {
	struct codec *codec; /* owned */
	uint8_t *out;        /* borrowed; FRAME_STORED_MAX bytes */
	struct buffer head;  /* owned */
};

void packer_init(struct packer *packer, uint8_t *out);
void packer_fini(struct packer *packer);

void frames_fini(struct frames *frames);
/* From now on what is left of batches is gathered: there are threads. */
void frames_gather(struct frames *frames);

/* Deals with an answered batch: drops what the daemon has, sends or gathers the rest.
 * Takes the batch. */
int frames_finish(struct frames *frames, struct packer *packer, struct batch *batch,
		  struct error *error);
/* Sends the batch's units unasked. Takes the batch. */
int frames_send(struct frames *frames, struct packer *packer, struct batch *batch,
		struct error *error);
/* Sends what was gathered and not sent yet. */
int frames_flush(struct frames *frames, struct packer *packer, struct error *error);

#endif
