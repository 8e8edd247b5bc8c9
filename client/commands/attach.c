/*
 * attach: the view of this job, written into DIR. This file decides how often it is
 * tried; one try is client/commands/attach/session.c.
 */
#include "client/commands/attach/session.h"
#include "client/commands/command.h"
#include "client/connection/retry.h"
#include "client/question/how.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* Attaches with --delete, of different views and into one DIR, that are running at the
 * same time get out of each other's way after a few tries. */
#define DISTURBED_MAX 20u
#define DISTURBED_PAUSE_MS 10u

/* All tries of one attach. */
struct tries {
	const struct options *options; /* borrowed */
	struct report *report;         /* borrowed */
	uint64_t started_ms;
	uint64_t deadline_ms; /* for reaching the daemon */
	struct retry retry;
	bool was_disturbed; /* the one that failed was */
	unsigned disturbed; /* how many were */
	bool goes_on;       /* the one that failed is followed by another */
	struct error
		told; /* of the last try that got as far as DIR: what state it is in */
};

static int attach_once(struct tries *tries, struct error *error)
{
	struct attach attach AUTO(attach_fini);
	attach_init(&attach, tries->options, tries->report, tries->started_ms);
	int err = attach_session(&attach, tries->deadline_ms, error);
	if (err && attach.got_to_directory)
		tries->told = *error;
	if (err)
		tries->goes_on = retry_goes_on(&tries->retry,
					       &attach.session.connection.link, err);
	tries->was_disturbed = err && attach.was_disturbed;
	return err;
}

/* Waits for the next try, if there is one. */
static bool goes_on(struct tries *tries)
{
	struct error interrupted;
	if (tries->was_disturbed && tries->disturbed++ < DISTURBED_MAX) {
		struct connection_how how = how_to_connect(tries->options);
		tries->deadline_ms = connection_patience(&how);
		return retry_wait(DISTURBED_PAUSE_MS * tries->disturbed, &interrupted) ==
		       0;
	}
	if (!tries->goes_on)
		return false;
	tries->deadline_ms = tries->retry.until_ms;
	return retry_wait(tries->retry.pause_ms, &interrupted) == 0;
}

static int check_options(const struct options *options, struct error *error)
{
	if (!*options->directory)
		return error_set(error, ERR_USAGE,
				 "attach: DIR is empty; leave it out for the working "
				 "directory");
	/* Patterns match paths as they were stored, without the job's directory. */
	if (options->delete_extra && options->by_job &&
	    (options->only.count > 0 || options->exclude.count > 0))
		return error_set(error, ERR_USAGE,
				 "attach: --delete with --by-job takes whole "
				 "directories; leave out --only and --exclude");
	return 0;
}

/* After a lost connection it is tried again, until the timeout has passed since the first
 * loss: the view is asked for again, and files that are in their place are kept. */
int attach_run(const struct options *options, struct report *report, struct error *error)
{
	int usage = check_options(options, error);
	if (usage)
		return usage;
	struct connection_how how = how_to_connect(options);
	struct tries tries = {
		.options = options,
		.report = report,
		.started_ms = clock_now_ms(),
		.deadline_ms = connection_patience(&how),
		.retry.timeout_ms = options->timeout_ms,
	};
	int err;
	while ((err = attach_once(&tries, error)) && goes_on(&tries))
		if (tries.retry.failures == 1)
			report_note(report, "%s; trying again", error->text);
	if (err && retry_may_help(err) && tries.told.code)
		*error = tries.told;
	return err ? error->code : 0;
}
