#include "daemon/session/authorise.h"

#include "daemon/view/view.h"

static struct access_question question_of(const struct session *session)
{
	const struct request *request = session->request;
	const struct msg_identity *identity = request_identity(request);
	bool writes = request->type == MSG_PERSIST;
	/* An attach that names its job is remembered as that job's. */
	bool records = writes ||
		       (request->type == MSG_ATTACH &&
			!text_is(request->attach.purpose, "look") &&
			!request->attach.from_workflow.len && identity->job.len > 0);
	return (struct access_question){
		.verb = writes ? VERB_WRITE : VERB_READ,
		.namespace = request_namespace(request),
		.workflow = identity->workflow,
		.job = identity->job,
		.any_job = !records,
	};
}

static bool reads(const struct session *session, struct text workflow)
{
	const struct access_question question = {
		.verb = VERB_READ,
		.namespace = request_namespace(session->request),
		.workflow = workflow,
		.any_job = true,
	};
	return principal_allows(session->principal, &question);
}

bool session_reads_workflow(const struct session *session)
{
	return reads(session, request_identity(session->request)->workflow);
}

bool session_reads_namespace(const struct session *session)
{
	return reads(session, text_of(NULL));
}

/* Another workflow than its own, or a layer of any. */
static bool reads_elsewhere(const struct request *request)
{
	struct text other = request_from_workflow(request);
	return (other.len && !text_equal(other, request_identity(request)->workflow)) ||
	       request_layer(request).len;
}

static int check_elsewhere(const struct session *session, struct error *error)
{
	struct access_question question = question_of(session);
	question.workflow = request_from_workflow(session->request);
	question.any_job = true;
	return principal_check(session->principal, &question, error);
}

int session_authorise(const struct session *session, struct error *error)
{
	int err = access_still(session->services->access, session->principal, error);
	if (err || !request_identity(session->request))
		return err;
	struct access_question question = question_of(session);
	err = principal_check(session->principal, &question, error);
	if (err == 0 && reads_elsewhere(session->request))
		err = check_elsewhere(session, error);
	return err;
}

static bool writes_as_its_job(const struct session *session)
{
	struct access_question question = question_of(session);
	question.verb = VERB_WRITE;
	question.any_job = false;
	return principal_allows(session->principal, &question);
}

struct contact_request session_contact(const struct session *session,
				       const struct scope *scope, enum contact_kind kind)
{
	const struct msg_identity *identity = request_identity(session->request);
	return (struct contact_request){
		.identity =
			{
				.scope = *scope,
				.workflow = identity->workflow,
				.run = identity->run,
				.job = identity->job,
				.shard = identity->shard,
				.attempt = identity->attempt,
				.execution = identity->execution,
				.needs = identity->needs,
				.has_needs = identity->has_needs,
				.retry_of = identity->retry_of,
				.retry_none = identity->retry_none,
				.retry_detected = identity->retry_detected,
			},
		.kind = writes_as_its_job(session) ? kind : CONTACT_LOOK,
		.parent_is_barred = !reads(session, identity->retry_of),
		.inherited = view_inherited,
	};
}
