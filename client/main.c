/*
 * baton: reads what is wanted, does it, says how it went.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/commands/command.h"
#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"

/* A file must not get the number of a standard stream that the caller closed. What takes
 * its place is open the wrong way round, so that what is lost is noticed. */
static void fill_standard_streams(void)
{
	static const int wrong_way[] = {O_WRONLY, O_RDONLY, O_RDWR};
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", wrong_way[fd] | O_CLOEXEC) < 0)
			return;
	}
}

/* The summary of what was done may go nowhere: it is done all the same. An answer may
 * not. */
static void let_summary_go(const struct options *options)
{
	if (!command_cleans_up(options) || options->json ||
	    (fcntl(STDOUT_FILENO, F_GETFL) & O_ACCMODE) != O_RDONLY)
		return;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup2(fd, STDOUT_FILENO);
	(void)close(fd);
}

static int run(const struct options *options, struct report *report, struct error *error)
{
	let_summary_go(options);
	/* Writing says EPIPE, and EFBIG. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Who only reads may end anywhere, also where it waits for its own reader. */
	if (command_cleans_up(options))
		interrupts_init(INTERRUPTS_GRACE_MS, INTERRUPTS_SECOND_AFTER_MS);
	return command_run(options, report, error);
}

int main(int argc, char **argv)
{
	fill_standard_streams();
	struct options options AUTO(options_fini) = {0};
	struct error error = {0};
	int err = options_parse(&options, argc, argv, &error);
	struct report *report = report_new(options.json, options.quiet);
	if (err == 0)
		err = run(&options, report, &error);
	int status = report_finish(report, err, &error);
	report_free(report);
	/* What was finished in spite of a signal is finished. */
	if (err < 0)
		interrupts_die();
	return status;
}
