/*
 * CI systems: by which variable each is recognised, and the variables that say which
 * workflow, run, job, shard … a step belongs to. Tables, and what reads them.
 *
 * A variable that is empty counts as not set. Nothing is guessed: where a system that is
 * recognised leaves out a part of what it always sets, that is a problem with a name.
 * Main thread.
 */
#ifndef BATON_CLIENT_CI_CI_H
#define BATON_CLIENT_CI_CI_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/options/string_list.h"

/* What was found; {0} is nothing. */
struct ci_finding {
	char *value;   /* owned; NULL: not found */
	char *origin;  /* owned; "GITHUB_REPOSITORY + GITHUB_RUN_ID"; NULL: not found */
	char *problem; /* owned; what the environment lacks or contradicts; NULL: none */
};

void ci_finding_fini(struct ci_finding *finding);

/* One way to a value; the ways to one value are tried in their order, until one gives the
 * value or finds a problem. */
struct ci_row {
	const char *flag; /* of the option: "--workflow"; or "branch", "commit" */
	/* "{CI_REPO}/{CI_PIPELINE_NUMBER}": each {VARIABLE} by its value, {VARIABLE+1} by
	 * the number behind it, {VARIABLE:0} by 0 where it is not set. All of the
	 * variables or, if `optional`, none of them. */
	const char *form;
	/* This value of the last variable says that there is nothing to say: the 1 of 1
	 * slice, the parent 0. NULL: none does. */
	const char *nothing;
	bool optional;
	/* In place of a form, where it takes more than that. */
	void (*make)(struct ci_finding *ret_finding);
	/* In place of both: the value is not to be had, and why. */
	const char *problem;
	/* In place of all: why the system cannot say it, and who can. */
	const char *hint;
	/* "NAME=VALUE", several with blanks between: the row counts only where all of
	 * these variables have these values, "" standing for not set. NULL: always. */
	const char *only_if;
};

struct ci_system {
	const char *name;          /* "GitHub Actions" */
	const char *marker;        /* the variable that says that this is it */
	const char *marker_value;  /* NULL: any but "false" and "0" */
	const char *also;          /* has to be set too; NULL: nothing more */
	const struct ci_row *rows; /* ends with a NULL flag */
};

/* Those that Baton knows, the ones that are found inside others first; ends with a NULL
 * name. */
extern const struct ci_system ci_systems[];

/* Which of `systems` this is: the innermost, where several are marked; NULL: none. Adds
 * to `notes` (NULL: nobody asks) what was not clear, as sentences. */
const struct ci_system *ci_detect(const struct ci_system *systems,
				  struct string_list *notes);

/* What the system says for the flag; nothing where system is NULL. */
void ci_find(const struct ci_system *system, const char *flag,
	     struct ci_finding *ret_finding);

/* The hint of the system's row for the flag; NULL: it has none. */
const char *ci_hint(const struct ci_system *system, const char *flag);

/* The variable's value; NULL: not set or empty. */
const char *ci_variable(const char *name);

/* Where the value, or one of its list, has more bytes than a name can have: shortened
 * (short_name.h), which the origin then says. */
void ci_finding_shorten(struct ci_finding *finding, bool is_list);

/* What BATON_MATRIX says of this leg, in which a workflow hands on a whole matrix, by
 * toJSON(matrix) on GitHub: on one line; nothing where that is null. Of any length. */
void ci_matrix_shard(struct ci_finding *ret_finding);

/* ---- rows that take more than a form ---- */

/* A random id, kept in a file of $RUNNER_TEMP that later steps of the job find. */
void ci_github_execution(struct ci_finding *ret_finding);
/* The id that Jenkins makes for each `node` block that runs. */
void ci_jenkins_execution(struct ci_finding *ret_finding);
/* Without CI_JOB_GROUP_NAME (GitLab before 17.10): the job's name without its " 1/5". */
void ci_gitlab_job(struct ci_finding *ret_finding);
/* What CI_JOB_NAME adds to CI_JOB_GROUP_NAME: "1/5", "[a, b]". */
void ci_gitlab_shard(struct ci_finding *ret_finding);

#endif
