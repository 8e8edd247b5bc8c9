/* Who may connect to a Unix socket: its group and mode, and that it is never open wider.
 */
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/transport/address.h"

struct fixture {
	char directory[64];
	struct address address;
	struct address_access access;
	int listening;
	struct error error;
};

/* ---- the moments at which it opens --------------------------------------------------
 */

static struct stat before_chmod, before_listen;

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);
int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

int __wrap_chmod(const char *path, mode_t mode)
{
	assert_int_equal(stat(path, &before_chmod), 0);
	return __real_chmod(path, mode);
}

int __wrap_listen(int fd, int backlog)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(stat(name.sun_path, &before_listen), 0);
	return __real_listen(fd, backlog);
}

/* ---- set-up --------------------------------------------------------------------------
 */

/* One that this user may give, and not its first if there is another. */
static gid_t some_group(void)
{
	gid_t groups[64];
	int count = getgroups(64, groups);
	for (int i = 0; i < count; i++) {
		if (groups[i] != getegid())
			return groups[i];
	}
	return geteuid() == 0 ? 1 : getegid();
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	strcpy(fixture->directory, "/tmp/baton-access-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	char url[128];
	(void)snprintf(url, sizeof(url), "unix:%s/d/s", fixture->directory);
	assert_int_equal(address_parse(url, &fixture->address, &fixture->error), 0);
	fixture->access.group = some_group();
	fixture->listening = -1;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	(void)unlink(fixture->address.path);
	(void)snprintf(path, sizeof(path), "%s/d", fixture->directory);
	(void)rmdir(path);
	int result = rmdir(fixture->directory);
	if (fixture->listening >= 0)
		(void)close(fixture->listening);
	address_fini(&fixture->address);
	free(fixture);
	return result;
}

static int begin(struct fixture *fixture)
{
	return address_listen(&fixture->address, &fixture->access, &fixture->listening,
			      &fixture->error);
}

static struct stat look(const struct fixture *fixture, const char *name)
{
	char path[128];
	struct stat stat_of;
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	assert_int_equal(stat(path, &stat_of), 0);
	return stat_of;
}

static void assert_mode(const struct fixture *fixture, const char *name, mode_t mode)
{
	assert_int_equal(look(fixture, name).st_mode & 07777, mode);
}

/* ---- tests ---------------------------------------------------------------------------
 */

static void a_group_alone_gives_0660(void **state)
{
	struct fixture *fixture = *state;
	fixture->access.has_group = true;
	assert_int_equal(begin(fixture), 0);
	assert_mode(fixture, "d/s", 0660);
	assert_int_equal(look(fixture, "d/s").st_gid, fixture->access.group);
	assert_mode(fixture, "d", 0750);
	assert_int_equal(look(fixture, "d").st_gid, fixture->access.group);
}

static void a_mode_alone_leaves_the_group(void **state)
{
	struct fixture *fixture = *state;
	fixture->access.mode = 0620;
	assert_int_equal(begin(fixture), 0);
	assert_mode(fixture, "d/s", 0620);
	assert_int_equal(look(fixture, "d/s").st_gid, look(fixture, "").st_gid);
	assert_mode(fixture, "d", 0750);
}

static void a_mode_for_all_opens_the_directory_that_is_made(void **state)
{
	struct fixture *fixture = *state;
	fixture->access.mode = 0666;
	assert_int_equal(begin(fixture), 0);
	assert_mode(fixture, "d/s", 0666);
	assert_mode(fixture, "d", 0755);
}

/* Whatever the umask: bound for its owner alone, then its group, then its mode, and only
 * then does it listen. */
static void it_is_never_open_wider(void **state)
{
	struct fixture *fixture = *state;
	fixture->access.has_group = true;
	fixture->access.mode = 0660;
	mode_t before = umask(0);
	int err = begin(fixture);
	(void)umask(before);
	assert_int_equal(err, 0);
	assert_int_equal(before_chmod.st_mode & 07777, 0600);
	assert_int_equal(before_chmod.st_gid, fixture->access.group);
	assert_int_equal(before_listen.st_mode & 07777, 0660);
	assert_int_equal(before_listen.st_gid, fixture->access.group);
}

static void a_directory_that_they_cannot_enter_is_refused(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		mode_t directory, socket;
		int result;
	} cases[] = {
		{0700, 0660, ERR_DENIED}, {0700, 0666, ERR_DENIED},
		{0750, 0666, ERR_DENIED}, {0710, 0660, 0},
		{0711, 0666, 0},          {0701, 0660, 0},
		{0700, 0600, 0},
	};
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/d", fixture->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(__real_chmod(path, cases[i].directory), 0);
		fixture->access.mode = cases[i].socket;
		assert_int_equal(begin(fixture), cases[i].result);
		assert_mode(fixture, "d", cases[i].directory);
		if (cases[i].result == 0) {
			(void)close(fixture->listening);
			address_unlisten(&fixture->address);
		} else {
			assert_non_null(strstr(fixture->error.text, "cannot enter"));
		}
		fixture->listening = -1;
	}
}

/* As somebody who is in no other group. */
static void a_group_that_cannot_be_given_is_refused(void **state)
{
	struct fixture *fixture = *state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(fixture->directory, 65534, 65534), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	fixture->access = (struct address_access){.has_group = true, .group = 1};
	int err = begin(fixture);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(err, ERR_DENIED);
	assert_non_null(strstr(fixture->error.text, "no member"));
	assert_int_equal(fixture->listening, -1);
	assert_int_equal(access(fixture->address.path, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_group_alone_gives_0660),
		TEST(a_mode_alone_leaves_the_group),
		TEST(a_mode_for_all_opens_the_directory_that_is_made),
		TEST(it_is_never_open_wider),
		TEST(a_directory_that_they_cannot_enter_is_refused),
		TEST(a_group_that_cannot_be_given_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
