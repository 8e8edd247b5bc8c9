/*
 * What a request is about: one layer, or what an attach without a job would see of a
 * workflow. Belongs to one thread.
 */
#ifndef BATON_DAEMON_HTTP_RESOURCE_SUBJECT_H
#define BATON_DAEMON_HTTP_RESOURCE_SUBJECT_H

#include "daemon/http/request/http_request.h"
#include "daemon/http/syntax/route.h"
#include "daemon/store/catalogue/catalogue.h"
#include "daemon/view/view.h"
#include "daemon/workspace/tree.h"

struct subject {
	struct scope scope;
	struct catalogue_history history; /* owned */
	struct view view; /* owned; of a workflow, or of the layer alone */
	uint32_t layer; /* position in the history; VIEW_NONE: the workflow as a whole */
};

/* Which tiers the request wants to see. ERR_USAGE. */
int subject_scope(struct http_request *request, struct text namespace,
		  struct scope *ret_scope, struct error *error);
/* Finds the route's workflow or layer. ERR_NOT_FOUND, ERR_USAGE. *ret_subject is the
 * caller's also on failure. */
int subject_find(struct http_request *request, const struct route *route,
		 struct subject *ret_subject, struct error *error);
void subject_fini(struct subject *subject);

#endif
