#include "tests/harness/killed.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "tests/harness/assert_ok.h"
#include "tests/harness/scratch.h"

/* ---- directories ------------------------------------------------------------------ */

static const char *const folders[] = {"", "/segments"};

char *killed_path(const char *directory, const char *folder, const char *name)
{
	char *path = NULL;
	claim(asprintf(&path, "%s%s/%s", directory, folder, name) > 0);
	return path;
}

struct buffer killed_read(const char *directory, const char *folder, const char *name)
{
	char *path AUTO_FREE = killed_path(directory, folder, name);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	struct buffer bytes = {0};
	buffer_reserve(&bytes, (size_t)status.st_size + 1);
	assert_int_equal(read(fd, bytes.at, (size_t)status.st_size), status.st_size);
	bytes.len = (size_t)status.st_size;
	return bytes;
}

void killed_write(const char *directory, const char *folder, const char *name,
		  const struct buffer *bytes)
{
	char *path AUTO_FREE = killed_path(directory, folder, name);
	int fd AUTO_FD = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes->at, bytes->len), bytes->len);
}

static int name_of_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && entry->d_type == DT_REG;
}

void killed_each_file(const char *directory, killed_on_file *call, void *context)
{
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char *path AUTO_FREE = killed_path(directory, folders[i], "");
		struct dirent **entries = NULL;
		int count = scandir(path, &entries, name_of_file, alphasort);
		for (int n = 0; n < count; n++) {
			call(directory, folders[i], entries[n]->d_name, context);
			free(entries[n]);
		}
		free(entries);
	}
}

void killed_copy_file(const char *directory, const char *folder, const char *name,
		      void *context)
{
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	killed_write(context, folder, name, &bytes);
}

static char *new_directory(void)
{
	char *directory = scratch_new();
	char *segments AUTO_FREE = killed_path(directory, "", "segments");
	assert_int_equal(mkdir(segments, 0700), 0);
	return directory;
}

char *killed_copy(const char *directory)
{
	char *copy = new_directory();
	killed_each_file(directory, killed_copy_file, copy);
	return copy;
}

/* ---- a store that is killed ---------------------------------------------------------
 */

#define assert_ok(expression) assert_ok_of(expression, error.text)

static void persist(struct store *store, struct killed *killed, uint32_t number)
{
	struct error error;
	struct layer_record record;
	char workflow[NAME_LEN_MAX + 1];
	(void)snprintf(workflow, sizeof(workflow), "w%0*u", (int)NAME_LEN_MAX - 1,
		       number);
	struct tree_persist input = {.who = {.workflow = workflow, .job = "build"},
				     .key = number + 1,
				     .tree = &killed->trees[number]};
	assert_ok(tree_persist(store, &input, &record, NULL, &error));
	killed->layers[number] = record.id;
}

/* The process ends in the middle of everything, as by kill -9. */
static void persist_and_die(struct killed *killed, const char *directory, char *halfway,
			    int report)
{
	struct store_options options = {.directory = directory,
					.segment_len = KILLED_SEGMENT_LEN};
	struct store *store;
	struct error error;
	assert_ok(store_open(&options, &store, &error));
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++) {
		if (i == KILLED_PERSISTS / 2)
			killed_each_file(directory, killed_copy_file, halfway);
		persist(store, killed, i);
	}
	(void)!write(report, killed->layers, sizeof(killed->layers));
	_exit(0);
}

static void run_and_kill(struct killed *killed, const char *directory, char *halfway)
{
	int pipes[2];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		persist_and_die(killed, directory, halfway, pipes[1]);
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], killed->layers, sizeof(killed->layers)),
			 sizeof(killed->layers));
	(void)close(pipes[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

struct killed *killed_new(void)
{
	struct killed *killed = must_calloc(1, sizeof(*killed));
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
		killed->trees[i] = tree_new(20, 1000 * i, 400);
	killed->directory = scratch_new();
	killed->earlier = new_directory();
	killed->other = scratch_new();
	char *halfway AUTO(scratch_fini) = new_directory();
	run_and_kill(killed, killed->other, halfway);
	run_and_kill(killed, killed->directory, killed->earlier);
	return killed;
}

void killed_free(struct killed *killed)
{
	for (uint32_t i = 0; i < KILLED_PERSISTS; i++)
		tree_fini(&killed->trees[i]);
	scratch_free(killed->directory);
	scratch_free(killed->earlier);
	scratch_free(killed->other);
	free(killed);
}

int killed_setup(void **state)
{
	*state = killed_new();
	return 0;
}

int killed_teardown(void **state)
{
	killed_free(*state);
	return 0;
}
