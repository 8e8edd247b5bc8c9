/*
 * The mixed load of crash_load.h as a program, for what a test in Python does to the file
 * system below it.
 *
 *	store_load run DIR ROUND PERSISTS KNOWN [LOG]
 *		the load, PERSISTS for each thread (0: until it is killed); KNOWN has the
 *		events of earlier rounds, new ones go to standard output, with the count
 *of entries that LOG begins with (block_log.c) store_load verify DIR EVENTS POSITION what
 *was acknowledged up to POSITION is there; status 1 and a sentence if not
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "tests/fault/crash_load.h"

static bool read_model(const char *path, struct load_model *model)
{
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	struct load_event event;
	while (fd >= 0 && read(fd, &event, sizeof(event)) == sizeof(event))
		if (event.kind == EVENT_SENT || event.kind == EVENT_ACKED)
			load_model_take(model, &event);
	return fd >= 0;
}

static uint64_t position(void *context)
{
	const int *log = context;
	uint64_t count = 0;
	return pread(*log, &count, sizeof(count), 0) == sizeof(count) ? count : 0;
}

static int run(char **arguments, struct load_model *model)
{
	int log = arguments[4] ? open(arguments[4], O_RDONLY | O_CLOEXEC) : -1;
	uint32_t persists = (uint32_t)strtoul(arguments[2], NULL, 10);
	struct load load = {.directory = arguments[0],
			    .io = &io_system,
			    .round = (uint32_t)strtoul(arguments[1], NULL, 10),
			    .persists = persists ? persists : UINT32_MAX,
			    .events = STDOUT_FILENO,
			    .position = log >= 0 ? position : NULL,
			    .context = &log,
			    .model = model};
	return read_model(arguments[3], model) && load_run(&load) == 0 ? 0 : 1;
}

static int verify(char **arguments, struct load_model *model)
{
	struct error error = {0};
	if (!read_model(arguments[1], model))
		return 1;
	int err = load_verify(arguments[0], model, strtoull(arguments[2], NULL, 10), true,
			      &error);
	if (err)
		(void)fprintf(stderr, "%s\n", error.text);
	return err ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct load_model model = {0};
	int status = 2;
	if (argc >= 6 && strcmp(argv[1], "run") == 0)
		status = run(argv + 2, &model);
	else if (argc == 5 && strcmp(argv[1], "verify") == 0)
		status = verify(argv + 2, &model);
	load_model_fini(&model);
	return status;
}
