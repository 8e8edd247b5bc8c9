/*
 * What is opened beneath a directory, and what is not: rules T1 and T5
 * (client/files/beneath.h). The same with openat2, on a kernel that has none, and in a
 * sandbox that forbids it: each in a process of its own, since a process that has found
 * openat2 keeps to it, and a filter of system calls stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "client/files/beneath.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "tests/harness/scratch_tree.h"

/* From now on openat2 fails so in this process. */
static void refuse_openat2(int error_number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error_number),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(*code), .filter = code};
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
	assert_int_equal(syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0), -1);
	assert_int_equal(errno, error_number);
}

static void each_way(void **state, void (*run)(int root_fd))
{
	struct scratch *scratch = *state;
	static const int refusals[] = {0, ENOSYS, EPERM};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		(void)fflush(NULL);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)setenv("CMOCKA_TEST_ABORT", "1", 1); /* not back to main */
			if (refusals[i])
				refuse_openat2(refusals[i]);
			run(scratch->fd);
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (status != 0)
			fail_msg("with openat2 refused by %d", refusals[i]);
	}
}

static void expect(int root_fd, const char *path, int flags, int error_number)
{
	int fd AUTO_FD = beneath_open(root_fd, path, strlen(path), flags, 0);
	int number = fd < 0 ? errno : 0;
	if (number != error_number)
		fail_msg("`%s`: %s instead of %s", path, strerror(number),
			 strerror(error_number));
}

static void look_at_kinds(int root_fd)
{
	expect(root_fd, "", O_RDONLY | O_DIRECTORY, 0);
	expect(root_fd, "a", O_RDONLY | O_DIRECTORY, 0);
	expect(root_fd, "a/f", O_RDONLY, 0);
	expect(root_fd, "a/none", O_RDONLY, ENOENT);
	expect(root_fd, "none/f", O_RDONLY, ENOENT);
	expect(root_fd, "a/f/x", O_RDONLY, ENOTDIR);
	expect(root_fd, "a/f", O_RDONLY | O_DIRECTORY, ENOTDIR);
}

static void directories_and_files_below_are_opened(void **state)
{
	each_way(state, look_at_kinds);
}

static void look_at_links(int root_fd)
{
	expect(root_fd, "c/f", O_RDONLY, ELOOP);
	expect(root_fd, "c", O_RDONLY, ELOOP);
	expect(root_fd, "c", O_RDONLY | O_DIRECTORY, ENOTDIR);
	expect(root_fd, "out/etc", O_RDONLY, ELOOP);
	int link AUTO_FD = beneath_open(root_fd, "c", 1, O_PATH, 0);
	struct stat status;
	assert_true(link >= 0 && fstat(link, &status) == 0);
	assert_true(S_ISLNK(status.st_mode));
}

static void t5_no_symbolic_link_is_followed(void **state)
{
	each_way(state, look_at_links);
}

static void look_at_unclean_paths(int root_fd)
{
	static const char *const unclean[] = {".",     "..", "a/..", "a/../a", "../a",
					      "a/./f", "/",  "/a",   "a/",     "a//f"};
	for (size_t i = 0; i < sizeof(unclean) / sizeof(*unclean); i++)
		expect(root_fd, unclean[i], O_RDONLY, EINVAL);
	assert_int_equal(beneath_open(root_fd, "a\0f", 3, O_RDONLY, 0), -1);
	assert_int_equal(errno, EINVAL);
	char name[COMPONENT_LEN_MAX + 2];
	memset(name, 'n', sizeof(name));
	name[COMPONENT_LEN_MAX + 1] = '\0';
	expect(root_fd, name, O_RDONLY, ENAMETOOLONG);
	name[COMPONENT_LEN_MAX] = '\0';
	expect(root_fd, name, O_RDONLY, ENOENT);
}

static void t5_paths_that_climb_or_are_no_names_are_refused(void **state)
{
	each_way(state, look_at_unclean_paths);
}

/* 60 levels of 200 bytes: three times PATH_MAX. */
static void make_deep(int root_fd, struct buffer *ret_path)
{
	char name[201];
	memset(name, 'n', 200);
	name[200] = '/';
	int fd AUTO_FD = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 60; i++) {
		buffer_put(ret_path, name, sizeof(name));
		char *last = must_memdup(name, 200);
		assert_int_equal(mkdirat(fd, last, 0755), 0);
		int below = openat(fd, last, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		free(last);
		(void)close(fd);
		fd = below;
	}
	assert_int_equal(mknodat(fd, "leaf", S_IFREG | 0644, 0), 0);
	buffer_put(ret_path, "leaf", 4);
}

static struct buffer deep;

static void open_deep(int root_fd)
{
	claim(deep.len > 2 * PATH_MAX);
	int leaf AUTO_FD =
		beneath_open(root_fd, (const char *)deep.at, deep.len, O_RDONLY, 0);
	assert_true(leaf >= 0);
}

static void paths_beyond_path_max_are_opened(void **state)
{
	struct scratch *scratch = *state;
	make_deep(scratch->fd, &deep);
	each_way(state, open_deep);
	buffer_fini(&deep);
}

static void create_and_look(int root_fd)
{
	int fd AUTO_FD =
		beneath_open(root_fd, "a/new", 5, O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0640);
	assert_int_equal(unlinkat(root_fd, "a/new", 0), 0);
}

static void files_are_made_with_their_mode(void **state)
{
	each_way(state, create_and_look);
}

static int setup(void **state)
{
	struct scratch *scratch = must_calloc(1, sizeof(*scratch));
	scratch_init(scratch);
	scratch_mkdir(scratch, "a");
	scratch_text(scratch, "a/f", "f");
	assert_int_equal(symlinkat("a", scratch->fd, "c"), 0);
	assert_int_equal(symlinkat("/", scratch->fd, "out"), 0);
	*state = scratch;
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(*state);
	free(*state);
	return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(directories_and_files_below_are_opened),
		TEST(t5_no_symbolic_link_is_followed),
		TEST(t5_paths_that_climb_or_are_no_names_are_refused),
		TEST(paths_beyond_path_max_are_opened),
		TEST(files_are_made_with_their_mode),
	};
	(void)umask(022);
	return cmocka_run_group_tests_name("beneath", tests, NULL, NULL);
}
