#include "daemon/http/resource/subject.h"

#include "daemon/access/grant/tier.h"

int subject_scope(struct http_request *request, struct text namespace,
		  struct scope *ret_scope, struct error *error)
{
	bool bad = false;
	enum tier shown = TIER_TRUSTED;
	struct text tier = http_request_query(request, "tier", &bad);
	if (bad || (tier.len && !tier_parse(tier.at, &shown)))
		return error_set(error, ERR_USAGE,
				 "tier: is `trusted` or `untrusted`, whose layers are "
				 "shown, too");
	*ret_scope = (struct scope){.namespace = namespace,
				    .tier = request->visitor->principal->tier,
				    .both = shown == TIER_UNTRUSTED};
	return 0;
}

void subject_fini(struct subject *subject)
{
	view_fini(&subject->view);
	catalogue_history_fini(&subject->history);
}

int subject_find(struct http_request *request, const struct route *route,
		 struct subject *ret_subject, struct error *error)
{
	struct subject *subject = ret_subject;
	struct catalogue *catalogue = store_catalogue(request->services->store);
	*subject = (struct subject){.layer = VIEW_NONE};
	int err = subject_scope(request, route->namespace, &subject->scope, error);
	if (err)
		return err;
	err = route->layer.len
		      ? catalogue_find_layer(catalogue, &subject->scope, route->layer,
					     &subject->history, &subject->layer, error)
		      : catalogue_workflow_history(catalogue, &subject->scope,
						   route->workflow, &subject->history,
						   error);
	if (err)
		return store_not_found(request->services->store, error);
	const struct view_request question = {.execution = VIEW_NONE,
					      .layer = subject->layer};
	return view_make(&subject->history.history, &question, &subject->view, error);
}
