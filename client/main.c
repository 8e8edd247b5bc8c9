/*
 * baton: reads what is wanted, does it, says how it went.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/command.h"
#include "client/interrupts.h"
#include "proto/cleanup.h"

/* A file must not get the number of a standard stream that the caller closed. */
static void fill_standard_streams(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

static int run(const struct options *options, struct report *report, struct error *error)
{
	/* Writing says EPIPE. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Who only reads may end anywhere, also where it waits for its own reader. */
	if (options->command->cleans_up)
		interrupts_init();
	return options->command->run(options, report, error);
}

int main(int argc, char **argv)
{
	fill_standard_streams();
	struct options options AUTO(options_fini) = {0};
	struct error error = {0};
	int code = options_parse(&options, argc, argv, &error);
	struct report *report = report_new(options.json, options.quiet);
	if (code == 0)
		code = run(&options, report, &error);
	int status = report_finish(report, code, &error);
	report_free(report);
	/* What was finished in spite of a signal is finished. */
	if (code < 0)
		interrupts_die();
	return status;
}
