/*
 * What a trusted asker does not see (rule A10): which layers of untrusted jobs its view
 * leaves out, so that it can say so.
 */
#ifndef BATON_DAEMON_SESSION_LEFT_OUT_H
#define BATON_DAEMON_SESSION_LEFT_OUT_H

#include "daemon/session/session.h"
#include "daemon/view/view.h"

struct left_out {
	struct msg_layer_list
		layers; /* the first LEFT_OUT_SHOWN; in the session's arena */
	uint64_t count; /* of all of them */
};
#define LEFT_OUT_SHOWN 20u
/* Untrusted jobs decide how many layers they persist: of more than these none is loaded
 * for who did not ask for them, and `count` is of all that are stored. */
#define LEFT_OUT_LOADED_MAX 200u

/* Whose layers a request is about: tier is its word for it, "" where it has none.
 * ERR_PROTOCOL for another word. The namespace is borrowed. */
int session_scope(const struct session *session, struct text namespace, struct text tier,
		  struct scope *ret_scope, struct error *error);

/*
 * The layers that the request would see beside what it sees, if the scope showed both
 * tiers. The contact is the one that the view was made for; where from_workflow is named
 * that workflow is read instead. Costs little where no untrusted job has persisted, and
 * little more where one has persisted a lot. What goes wrong with layers that were not
 * asked for is logged, and fails no request.
 */
void left_out_find(struct session *session, const struct scope *scope,
		   const struct contact *contact, struct text from_workflow,
		   const struct view_request *request, struct left_out *ret_left_out);

#endif
