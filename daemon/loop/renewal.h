/*
 * Reading who may do what, what is kept for how long, and the certificate, again at
 * SIGHUP (rules A2, L1): on libuv's pool, while sessions go on. What cannot be read is
 * refused with a sentence in the log, and what was in use stays. Belongs to the loop's
 * thread but for `read_again`.
 */
#ifndef BATON_DAEMON_LOOP_RENEWAL_H
#define BATON_DAEMON_LOOP_RENEWAL_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/access/access.h"
#include "daemon/access/token/certificate.h"
#include "daemon/service/config.h"
#include "daemon/service/log.h"
#include "daemon/terms/terms.h"
#include "proto/base/error.h"

struct renewal {
	uv_loop_t *loop;                 /* borrowed */
	const struct config *config;     /* borrowed; of the start */
	const struct log *log;           /* borrowed */
	struct access *access;           /* borrowed */
	struct terms_book *terms;        /* borrowed */
	struct certificate *certificate; /* borrowed; replaced; NULL: no TLS here */
	bool running, again;
	uv_work_t work;
	/* What was read, while it runs. */
	struct config fresh;
	struct certificate loaded;
	struct error error;
};

/* Reads the certificate for the first time, into *ret_certificate, which later ones
 * replace. Errors: certificate_load(). */
int renewal_load(struct renewal *renewal, struct certificate *ret_certificate,
		 struct error *error);
/* Begins; while one runs already, another follows it. */
void renewal_begin(struct renewal *renewal);

#endif
