/*
 * Who is at the other end of an HTTP connection (rules A4, A9). A token comes with each
 * request, in one of the forms that clients of CI systems have; who it makes of the
 * visitor is kept for as long as the same one comes. Belongs to one thread at a time.
 */
#ifndef BATON_DAEMON_HTTP_REQUEST_VISITOR_H
#define BATON_DAEMON_HTTP_REQUEST_VISITOR_H

#include <stdbool.h>

#include "daemon/access/access.h"
#include "daemon/access/grant/principal.h"
#include "proto/base/arena.h"
#include "proto/base/bytes.h"

struct visitor {
	enum proof_way way;
	int fd;                      /* borrowed; its socket */
	struct principal *principal; /* owned; NULL: not shown yet */
	struct buffer token;         /* owned; what was shown */
};

/* Where a request may carry a token. All borrowed, empty where they are missing. */
struct visitor_headers {
	struct text authorization; /* Bearer T, Token T, Basic USER:PASSWORD */
	struct text circle_token;  /* the token alone */
	struct text private_token; /* the same, of GitLab's clients */
};

/*
 * Finds out who sends this request; visitor->principal is that one then. Of `Basic` the
 * password is the token, or, where it is empty, the user's name. The token is forgotten
 * before its memory is given back. ERR_DENIED, ERR_BUSY; ERR_USAGE for a header of
 * another form.
 */
int visitor_show(struct visitor *visitor, struct access *access,
		 const struct visitor_headers *headers, struct error *error);
void visitor_fini(struct visitor *visitor);

#endif
