#include "daemon/store/catalogue/internal.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/advice.h"
#include "proto/base/bytes.h"

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

static int make_namespace(struct caller *caller, struct error *error)
{
	struct catalogue *catalogue = caller->catalogue;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT INTO namespaces (name, created_ms) VALUES (?, ?)");
	char key[NAMESPACE_KEY_SIZE];
	query_text(&query, catalogue_namespace_key(caller->identity.scope.namespace,
						   caller->contact.tier, key));
	query_number(&query, lifetime_wall(catalogue));
	int result = query_run(&query, error);
	if (result == 0)
		caller->contact.namespace_id = database_last_id(catalogue->database);
	return result;
}

static int make_workflow(struct caller *caller, int64_t parent_id, struct error *error)
{
	struct catalogue *catalogue = caller->catalogue;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "INSERT INTO workflows (namespace, name, parent,"
				     " created_ms, contact_ms, contact_running_ms)"
				     " VALUES (?, ?, ?, ?, ?, ?)");
	query_number(&query, caller->contact.namespace_id);
	query_text(&query, caller->identity.workflow);
	if (parent_id)
		query_number(&query, parent_id);
	else
		query_null(&query);
	query_number(&query, lifetime_wall(catalogue));
	query_number(&query, lifetime_now(catalogue));
	query_number(&query, lifetime_running(catalogue));
	int result = query_run(&query, error);
	if (result == 0)
		caller->contact.workflow_id = database_last_id(catalogue->database);
	return result;
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
	(void)snprintf(caller->contact.warning, sizeof(caller->contact.warning),
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
		catalogue_date_text(parent->expired_ms, date);
		(void)snprintf(why, sizeof(why), "expired on %s (UTC)", date);
	}
	if (!identity->retry_detected) {
		(void)error_set(error, ERR_NOT_FOUND,
				"workflow `%.*s`, which `%.*s` is to retry, %s",
				WORDS(identity->retry_of), WORDS(identity->workflow),
				why);
		return error_advise(error, ADVICE_RETRY_NONE);
	}
	(void)snprintf(caller->contact.warning, sizeof(caller->contact.warning),
		       "workflow `%.*s`, which `%.*s` seems to retry, %s: "
		       "nothing is inherited",
		       WORDS(identity->retry_of), WORDS(identity->workflow), why);
	return 0;
}

/* Whether the workflow of this name in the trusted tier, which an untrusted asker sees,
 * was begun as such a retry. */
static int is_fixed_for_all(struct caller *caller, bool *ret_is_fixed,
			    struct error *error)
{
	struct workflow_row other = {0};
	char *parent AUTO_FREE = NULL;
	int result = 0;
	if (caller->contact.tier == TIER_UNTRUSTED)
		result = catalogue_find_other(caller->catalogue, &caller->identity.scope,
					      caller->identity.workflow, &other, error);
	if (result == 0 && other.parent)
		result = fixed_parent_name(caller, &other, &parent, error);
	*ret_is_fixed = parent && text_is(caller->identity.retry_of, parent);
	return result;
}

/* Before the parent is looked up: what is said here is the same whether it exists or
 * not (A7). */
static int check_choice(struct caller *caller, struct error *error)
{
	struct identity *identity = &caller->identity;
	bool is_fixed = false;
	if (!names_parent(identity) || !caller->request->parent_is_barred)
		return 0;
	int result = is_fixed_for_all(caller, &is_fixed, error);
	if (result < 0 || is_fixed)
		return result;
	if (!identity->retry_detected) {
		(void)error_set(error, ERR_DENIED,
				"no grant reads workflow `%.*s`, so `%.*s` cannot begin "
				"as a retry of it: that takes a token whose grant is "
				"not bound to a workflow",
				WORDS(identity->retry_of), WORDS(identity->workflow));
		return error_advise(error, ADVICE_RETRY_NONE);
	}
	(void)snprintf(caller->contact.warning, sizeof(caller->contact.warning),
		       "no grant reads workflow `%.*s`, which `%.*s` seems to retry: "
		       "nothing is inherited",
		       WORDS(identity->retry_of), WORDS(identity->workflow));
	identity->retry_of = (struct text){0};
	return 0;
}

/* Where it lives in the asker's tier, or in the other where that is shown. */
static int find_parent_row(struct caller *caller, struct workflow_row *ret_parent,
			   struct error *error)
{
	struct text name = caller->identity.retry_of;
	struct workflow_row other;
	int result = catalogue_find_workflow(
		caller->catalogue, caller->contact.namespace_id, name, ret_parent, error);
	if (result < 0 || (ret_parent->id && !ret_parent->expired_ms) ||
	    !caller->contact.both)
		return result;
	result = catalogue_find_other(caller->catalogue, &caller->identity.scope, name,
				      &other, error);
	if (result == 0 && other.id)
		*ret_parent = other;
	return result;
}

/* id 0: it has no parent. */
static int find_parent(struct caller *caller, struct workflow_row *ret_parent,
		       struct error *error)
{
	const struct identity *identity = &caller->identity;
	*ret_parent = (struct workflow_row){0};
	if (!names_parent(identity))
		return 0;
	if (text_equal(identity->retry_of, identity->workflow))
		return error_set(error, ERR_IDENTITY,
				 "workflow `%.*s` cannot be a retry of itself",
				 WORDS(identity->workflow));
	struct workflow_row parent;
	int result = find_parent_row(caller, &parent, error);
	if (result < 0)
		return result;
	if (!parent.id || parent.expired_ms)
		return no_parent(caller, &parent, error);
	*ret_parent = parent;
	return 0;
}

/* Whether there is something that an attach could build on, or a persist that makes
 * it. */
static bool is_worth_making(const struct caller *caller,
			    const struct workflow_row *parent)
{
	bool is_shown = caller->contact.both && caller->contact.other_workflow_id;
	return parent->id || is_shown || caller->request->kind == CONTACT_PERSIST;
}

/* The first contact of a workflow: leaves workflow_id 0 where nothing is to be made. What
 * lives only in the other tier is not copied from there: it is shown when it is looked
 * at, as long as it is there. */
static int begin_workflow(struct caller *caller, struct error *error)
{
	struct workflow_row parent = {0};
	int result = check_choice(caller, error);
	if (result == 0)
		result = find_parent(caller, &parent, error);
	if (result < 0 || !is_worth_making(caller, &parent))
		return result;
	int64_t parent_id = parent.id;
	bool inherits = parent_id && parent.namespace_id == caller->contact.namespace_id;
	if (!caller->contact.namespace_id)
		result = make_namespace(caller, error);
	if (result == 0)
		result = make_workflow(caller, parent_id, error);
	if (result == 0 && inherits)
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
	return catalogue_touch(caller->catalogue, workflow.id, false, error);
}

/* ---- the contact itself ---------------------------------------------------------- */

static struct identity with_defaults(const struct identity *identity)
{
	struct identity full = *identity;
	full.scope.namespace = or_else(full.scope.namespace, "default");
	full.run = or_else(full.run, "1");
	full.attempt = or_else(full.attempt, "1");
	return full;
}

static int make_contact(struct caller *caller, struct error *error)
{
	const struct scope *scope = &caller->identity.scope;
	int result = catalogue_find_namespace(caller->catalogue, scope->namespace,
					      scope->tier, &caller->contact.namespace_id,
					      error);
	struct workflow_row other = {0};
	/* A persist has nobody to tell of it. */
	if (result == 0 &&
	    (caller->contact.both || caller->request->kind != CONTACT_PERSIST))
		result = catalogue_find_other(caller->catalogue, scope,
					      caller->identity.workflow, &other, error);
	caller->contact.other_workflow_id = other.id;
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

/* ---- the other tier --------------------------------------------------------------- */

/* What this workflow retries: as it was fixed, else as it is said. *ret_name: owned; NULL
 * for none. */
static int parent_name(struct caller *caller, char **ret_name, struct error *error)
{
	struct workflow_row row = {0};
	if (caller->contact.workflow_id) {
		int result = catalogue_find_workflow(
			caller->catalogue, caller->contact.namespace_id,
			caller->identity.workflow, &row, error);
		if (result < 0 || !row.parent)
			return result;
		return fixed_parent_name(caller, &row, ret_name, error);
	}
	if (names_parent(&caller->identity))
		*ret_name = must_memdup(caller->identity.retry_of.at,
					caller->identity.retry_of.len);
	return 0;
}

/* The workflow as its first contact in the other tier would begin it. Nobody has, and
 * this must not: it would fix the parent there. So the caller undoes it. */
static int begin_other(struct caller *caller, const char *parent, int64_t *ret_id,
		       struct error *error)
{
	const struct contact_request look = {
		.kind = CONTACT_LOOK,
		.inherited = caller->request->inherited,
	};
	struct caller other = *caller;
	other.request = &look;
	other.identity.scope.tier = tier_other(caller->contact.tier);
	other.identity.job = (struct text){0};
	other.identity.retry_of = text_of(parent);
	other.identity.retry_detected = true;
	other.contact = (struct contact){.tier = other.identity.scope.tier};
	int result = catalogue_find_namespace(
		other.catalogue, other.identity.scope.namespace,
		other.identity.scope.tier, &other.contact.namespace_id, error);
	if (result == 0 && other.contact.namespace_id)
		result = begin_workflow(&other, error);
	*ret_id = other.contact.workflow_id;
	return result;
}

static int load_with_look(struct caller *caller, struct change *change,
			  struct sight *sight, const char *parent,
			  struct catalogue_history *ret_history, struct error *error)
{
	int64_t mark;
	int result = change_begin_aside(change, &mark, error);
	if (result == 0)
		result = begin_other(caller, parent, &sight->other_id, error);
	if (result == 0)
		result = catalogue_load(caller->catalogue, sight, ret_history, error);
	return result == 0 ? change_undo_aside(change, mark, error) : result;
}

static int load(struct caller *caller, struct change *change,
		struct catalogue_history *ret_history, struct error *error)
{
	const struct contact *contact = &caller->contact;
	struct sight sight = {
		.workflow_id = contact->workflow_id,
		.tier = contact->tier,
		.other_id = contact->both ? contact->other_workflow_id : 0,
		.execution_id = contact->execution_id,
	};
	char *parent AUTO_FREE = NULL;
	int result = 0;
	if (contact->both && !sight.other_id)
		result = parent_name(caller, &parent, error);
	if (result < 0)
		return result;
	if (parent)
		return load_with_look(caller, change, &sight, parent, ret_history, error);
	return catalogue_load(caller->catalogue, &sight, ret_history, error);
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
		result = load(caller, &change, &history, error);
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
		.contact =
			{
				.tier = request->identity.scope.tier,
				.both = scope_shows_both(&request->identity.scope),
			},
	};
	CATALOGUE_LOCKED(catalogue);
	int result = contact_and_load(&caller, ret_history, error);
	if (result == 0)
		*ret_contact = caller.contact;
	return result;
}
