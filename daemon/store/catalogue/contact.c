#include "daemon/store/catalogue/internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/clock.h"

/* A contact is written down for itself only where the last one is older than this. */
#define CONTACT_GRAIN_MS 60000

/* One contact being made. */
struct caller {
	struct catalogue *catalogue;           /* borrowed */
	const struct contact_request *request; /* borrowed */
	struct identity identity;              /* the request's, its defaults filled in */
	struct contact contact;
};

static struct text or_else(struct text text, const char *otherwise)
{
	return text.len > 0 ? text : text_of(otherwise);
}

/* ---- namespaces and workflows ---------------------------------------------------- */

int catalogue_find_namespace(struct catalogue *catalogue, struct text name,
			     int64_t *ret_id, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT id FROM namespaces WHERE name = ?");
	query_text(&query, or_else(name, "default"));
	return query_one(&query, ret_id, error);
}

static int make_namespace(struct caller *caller, struct error *error)
{
	struct catalogue *catalogue = caller->catalogue;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT INTO namespaces (name, created_ms) VALUES (?, ?)");
	query_text(&query, caller->identity.namespace);
	query_number(&query, caller->contact.now_ms);
	int result = query_run(&query, error);
	if (result == 0)
		caller->contact.namespace_id = database_last_id(catalogue->database);
	return result;
}

int catalogue_find_workflow(struct catalogue *catalogue, int64_t namespace_id,
			    struct text name, struct workflow_row *ret_row,
			    struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT id, parent, expired_ms FROM workflows"
				     " WHERE namespace = ? AND name = ?");
	query_number(&query, namespace_id);
	query_text(&query, name);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	*ret_row = (struct workflow_row){.namespace_id = namespace_id};
	if (result == 0)
		return 0;
	ret_row->id = row_id(&query, 0);
	ret_row->parent = row_id_or_none(&query, 1);
	ret_row->expired_ms = row_is_null(&query, 2) ? 0 : row_time(&query, 2);
	result = row_check(&query, error);
	if (result == 0 && ret_row->parent >= ret_row->id)
		return database_contradiction(catalogue->database, error);
	return result;
}

static int make_workflow(struct caller *caller, int64_t parent_id, struct error *error)
{
	struct catalogue *catalogue = caller->catalogue;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "INSERT INTO workflows (namespace, name, parent,"
				     " created_ms, contact_ms) VALUES (?, ?, ?, ?4, ?4)");
	query_number(&query, caller->contact.namespace_id);
	query_text(&query, caller->identity.workflow);
	if (parent_id)
		query_number(&query, parent_id);
	else
		query_null(&query);
	query_number(&query, caller->contact.now_ms);
	int result = query_run(&query, error);
	if (result == 0)
		caller->contact.workflow_id = database_last_id(catalogue->database);
	return result;
}

static void date_text(int64_t ms, char ret_text[16])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm parts = {0};
	(void)gmtime_r(&seconds, &parts);
	(void)strftime(ret_text, 16, "%Y-%m-%d", &parts);
}

int catalogue_expired(struct text name, int64_t expired_ms, struct error *error)
{
	char date[16];
	date_text(expired_ms, date);
	return error_set(
		error, ERR_NOT_FOUND,
		"workflow `%.*s` expired on %s (UTC); its name is not used again: "
		"begin a workflow with another",
		WORDS(name), date);
}

int catalogue_touch(struct catalogue *catalogue, int64_t workflow_id, int64_t now_ms,
		    bool always, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "UPDATE workflows SET contact_ms = ?1"
					      " WHERE id = ?2 AND contact_ms < ?3");
	query_number(&query, now_ms);
	query_number(&query, workflow_id);
	query_number(&query, always ? now_ms : now_ms - CONTACT_GRAIN_MS);
	return query_run(&query, error);
}

/* ---- parents --------------------------------------------------------------------- */

static bool names_parent(const struct identity *identity)
{
	return identity->retry_of.len > 0 && !identity->retry_none;
}

static int fixed_parent_name(struct caller *caller, const struct workflow_row *workflow,
			     char **ret_name, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		caller->catalogue->database, "SELECT name FROM workflows WHERE id = ?");
	query_number(&query, workflow->parent);
	int result = query_next(&query, error);
	if (result == 0)
		return database_contradiction(caller->catalogue->database, error);
	if (result < 0)
		return result;
	const char *name = row_name(&query, 0);
	result = row_check(&query, error);
	if (result == 0)
		*ret_name = must_strdup(name);
	return result;
}

/* A parent that was only detected gives way to what was fixed; one given by hand does
 * not. */
static int contradiction(struct caller *caller, enum advice advice, const char *sentence,
			 struct error *error)
{
	const struct identity *identity = &caller->identity;
	if (!identity->retry_detected || identity->retry_none) {
		if (identity->retry_none)
			(void)error_set(error, ERR_IDENTITY, "%s", sentence);
		else
			(void)error_set(error, ERR_IDENTITY,
					"%s, not as a retry of `%.*s`", sentence,
					WORDS(identity->retry_of));
		return error_advise(error, advice);
	}
	(void)snprintf(caller->contact.warning, sizeof caller->contact.warning,
		       "%s; that it retries `%.*s` was only detected and is not used",
		       sentence, WORDS(identity->retry_of));
	return 0;
}

/* Whether what is said of the parent agrees with what the first contact fixed (R3). */
static int check_parent(struct caller *caller, const struct workflow_row *workflow,
			struct error *error)
{
	const struct identity *identity = &caller->identity;
	if (!identity->retry_none && identity->retry_of.len == 0)
		return 0;
	if (identity->retry_none && !workflow->parent)
		return 0;
	char *parent AUTO_FREE = NULL;
	int result = workflow->parent
			     ? fixed_parent_name(caller, workflow, &parent, error)
			     : 0;
	if (result < 0)
		return result;
	if (workflow->parent && !identity->retry_none &&
	    text_is(identity->retry_of, parent))
		return 0;
	char *sentence AUTO_FREE = NULL;
	if (workflow->parent)
		claim(asprintf(&sentence, "workflow `%.*s` was begun as a retry of `%s`",
			       WORDS(identity->workflow), parent) > 0);
	else
		claim(asprintf(&sentence, "workflow `%.*s` was begun without a parent",
			       WORDS(identity->workflow)) > 0);
	return contradiction(
		caller, workflow->parent ? ADVICE_RETRY_CONTRADICTS : ADVICE_RETRY_LATE,
		sentence, error);
}

/* A parent that cannot be one: a note where it was only detected, else an error (R3). */
static int no_parent(struct caller *caller, const struct workflow_row *parent,
		     struct error *error)
{
	const struct identity *identity = &caller->identity;
	char why[64] = "is unknown";
	if (parent->id) {
		char date[16];
		date_text(parent->expired_ms, date);
		(void)snprintf(why, sizeof why, "expired on %s (UTC)", date);
	}
	if (!identity->retry_detected) {
		(void)error_set(error, ERR_NOT_FOUND,
				"workflow `%.*s`, which `%.*s` is to retry, %s",
				WORDS(identity->retry_of), WORDS(identity->workflow),
				why);
		return error_advise(error, ADVICE_RETRY_NONE);
	}
	(void)snprintf(caller->contact.warning, sizeof caller->contact.warning,
		       "workflow `%.*s`, which `%.*s` seems to retry, %s: "
		       "nothing is inherited",
		       WORDS(identity->retry_of), WORDS(identity->workflow), why);
	return 0;
}

/* *ret_id = 0: it has no parent. */
static int find_parent(struct caller *caller, int64_t *ret_id, struct error *error)
{
	const struct identity *identity = &caller->identity;
	*ret_id = 0;
	if (!names_parent(identity))
		return 0;
	if (text_equal(identity->retry_of, identity->workflow))
		return error_set(error, ERR_IDENTITY,
				 "workflow `%.*s` cannot be a retry of itself",
				 WORDS(identity->workflow));
	struct workflow_row parent;
	int result = catalogue_find_workflow(caller->catalogue,
					     caller->contact.namespace_id,
					     identity->retry_of, &parent, error);
	if (result < 0)
		return result;
	if (!parent.id || parent.expired_ms)
		return no_parent(caller, &parent, error);
	*ret_id = parent.id;
	return 0;
}

/* The first contact of a workflow: leaves workflow_id 0 where nothing is to be made. */
static int begin_workflow(struct caller *caller, struct error *error)
{
	int64_t parent_id;
	int result = find_parent(caller, &parent_id, error);
	if (result < 0 || (!parent_id && caller->request->kind != CONTACT_PERSIST))
		return result;
	if (!caller->contact.namespace_id)
		result = make_namespace(caller, error);
	if (result == 0)
		result = make_workflow(caller, parent_id, error);
	if (result == 0 && parent_id)
		result = catalogue_inherit(caller->catalogue, caller->request,
					   caller->contact.workflow_id, parent_id, error);
	return result;
}

static int find_or_begin_workflow(struct caller *caller, struct error *error)
{
	struct workflow_row workflow;
	int result = catalogue_find_workflow(caller->catalogue,
					     caller->contact.namespace_id,
					     caller->identity.workflow, &workflow, error);
	if (result < 0)
		return result;
	if (!workflow.id)
		return begin_workflow(caller, error);
	if (workflow.expired_ms)
		return catalogue_expired(caller->identity.workflow, workflow.expired_ms,
					 error);
	caller->contact.workflow_id = workflow.id;
	result = check_parent(caller, &workflow, error);
	if (result < 0)
		return result;
	return catalogue_touch(caller->catalogue, workflow.id, caller->contact.now_ms,
			       false, error);
}

/* ---- the contact itself ---------------------------------------------------------- */

static struct identity with_defaults(const struct identity *identity)
{
	struct identity full = *identity;
	full.namespace = or_else(full.namespace, "default");
	full.run = or_else(full.run, "1");
	full.attempt = or_else(full.attempt, "1");
	return full;
}

static int make_contact(struct caller *caller, struct error *error)
{
	int result = catalogue_find_namespace(caller->catalogue,
					      caller->identity.namespace,
					      &caller->contact.namespace_id, error);
	if (result == 0)
		result = find_or_begin_workflow(caller, error);
	if (result < 0 || !caller->contact.workflow_id || caller->identity.job.len == 0)
		return result;
	return catalogue_execution(caller->catalogue, caller->contact.workflow_id,
				   &caller->identity, &caller->contact.execution_id,
				   error);
}

/* Nothing is kept of one that only looks, nor, where no change is taken, of an attach
 * that has no execution to remember. */
static bool is_look(const struct caller *caller)
{
	return caller->request->kind == CONTACT_LOOK ||
	       (caller->request->kind == CONTACT_ATTACH &&
		caller->catalogue->refusal.code && caller->identity.job.len == 0);
}

/* Nothing is acknowledged to a persist before its layer is committed, and that commit
 * syncs this one too. */
static int begin_contact(struct caller *caller, struct change *change,
			 struct error *error)
{
	if (is_look(caller))
		return change_try(change, caller->catalogue, error);
	return caller->request->kind == CONTACT_PERSIST
		       ? change_begin_unsynced(change, caller->catalogue, error)
		       : change_begin(change, caller->catalogue, error);
}

static int contact_and_load(struct caller *caller, struct catalogue_history *ret_history,
			    struct error *error)
{
	struct change change AUTO(change_end) = {0};
	bool looks = is_look(caller);
	int result = begin_contact(caller, &change, error);
	if (result == 0)
		result = make_contact(caller, error);
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	if (result == 0)
		result = catalogue_load(caller->catalogue, caller->contact.workflow_id,
					caller->contact.execution_id, &history, error);
	if (result == 0 && !looks)
		result = change_commit(&change, error);
	/* What an attach builds on, and may itself change nothing of, has to stay. */
	if (result == 0 && !looks && caller->request->kind == CONTACT_ATTACH)
		result = catalogue_sync_locked(caller->catalogue, error);
	if (result < 0)
		return result;
	*ret_history = history;
	history = (struct catalogue_history){0};
	return 0;
}

int catalogue_contact(struct catalogue *catalogue, const struct contact_request *request,
		      struct contact *ret_contact, struct catalogue_history *ret_history,
		      struct error *error)
{
	if (request->identity.workflow.len == 0) {
		(void)error_set(error, ERR_USAGE, "a workflow is missing");
		return error_advise(error, ADVICE_NAME_WORKFLOW);
	}
	if (request->kind == CONTACT_PERSIST && request->identity.job.len == 0) {
		(void)error_set(error, ERR_USAGE, "a persist needs a job");
		return error_advise(error, ADVICE_NAME_JOB);
	}
	struct caller caller = {
		.catalogue = catalogue,
		.request = request,
		.identity = with_defaults(&request->identity),
		.contact.now_ms = clock_wall_ms(),
	};
	CATALOGUE_LOCKED(catalogue);
	int result = contact_and_load(&caller, ret_history, error);
	if (result == 0)
		*ret_contact = caller.contact;
	return result;
}
