/* What is a stage, and what is only called like one. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/files/stage.h"
#include "proto/base/cleanup.h"

#define NAME ".baton-0123456789ab"

struct scratch_folder {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct scratch_folder folder;
	(void)snprintf(folder.path, sizeof(folder.path), "/tmp/baton-test-XXXXXX");
	assert_non_null(mkdtemp(folder.path));
	folder.fd = open(folder.path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(folder.fd, NAME, 0755), 0);
	*state = &folder;
	return 0;
}

static int teardown(void **state)
{
	struct scratch_folder *folder = *state;
	assert_int_equal(unlinkat(folder->fd, NAME, AT_REMOVEDIR), 0);
	(void)close(folder->fd);
	return rmdir(folder->path);
}

/* Where a file system keeps no modes it has no other mark. */
static void a_stage_without_its_mode_is_known_by_its_lock(void **state)
{
	int parent = ((struct scratch_folder *)*state)->fd;
	assert_false(stage_is_one(parent, NAME));
	int fd AUTO_FD = openat(parent, NAME, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(stage_is_one(parent, NAME));
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_false(stage_is_one(parent, NAME));
}

static void what_has_no_mark_is_not_swept_away(void **state)
{
	int parent = ((struct scratch_folder *)*state)->fd;
	struct stat stat;
	stage_sweep(parent);
	assert_int_equal(fstatat(parent, NAME, &stat, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_stage_without_its_mode_is_known_by_its_lock, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_mark_is_not_swept_away, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
