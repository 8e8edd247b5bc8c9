/* DATA/access (FORMAT.md): files that are replaced whole, and who may read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/access/token/vault.h"
#include "proto/base/cleanup.h"

struct room {
	char path[64];
	int fd;
};

static int make_room(void **state)
{
	static struct room room;
	struct error error = {0};
	strcpy(room.path, "/tmp/baton-vault-XXXXXX");
	assert_non_null(mkdtemp(room.path));
	assert_int_equal(vault_open(room.path, false, &room.fd, &error), ERR_NOT_FOUND);
	assert_int_equal(vault_open(room.path, true, &room.fd, &error), 0);
	*state = &room;
	return 0;
}

static int leave_room(void **state)
{
	struct room *room = *state;
	char command[128];
	(void)close(room->fd);
	(void)snprintf(command, sizeof(command), "rm -r %s", room->path);
	return system(command);
}

static void a_file_is_replaced_and_read(void **state)
{
	const struct room *room = *state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct error error = {0};
	struct stat seen = {0}, again = {0};
	assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error), 0);
	assert_int_equal(bytes.len, 0);
	assert_int_equal(seen.st_ino, 0);
	assert_true(vault_is_same(room->fd, "a", &seen));
	assert_int_equal(vault_replace(room->fd, "a", "alpha", 5, &error), 0);
	assert_false(vault_is_same(room->fd, "a", &seen));
	assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error), 0);
	assert_memory_equal(bytes.at, "alpha", 5);
	assert_int_equal(seen.st_mode & 07777, 0600);
	assert_true(vault_is_same(room->fd, "a", &seen));
	assert_int_equal(vault_replace(room->fd, "a", "beta!", 5, &error), 0);
	assert_false(vault_is_same(room->fd, "a", &seen));
	assert_int_equal(fstatat(room->fd, "a.new", &again, 0), -1);
}

/* What an interrupted replacement left. */
static void a_rest_of_an_earlier_one_is_in_nobodys_way(void **state)
{
	const struct room *room = *state;
	struct error error = {0};
	int fd AUTO_FD = openat(room->fd, "a.new", O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	assert_int_equal(vault_replace(room->fd, "a", "alpha", 5, &error), 0);
}

static void files_that_others_can_touch_are_refused(void **state)
{
	const struct room *room = *state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct error error = {0};
	struct stat seen;
	assert_int_equal(vault_replace(room->fd, "a", "alpha", 5, &error), 0);
	static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601};
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		assert_int_equal(fchmodat(room->fd, "a", modes[i], 0), 0);
		assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error),
				 ERR_DENIED);
	}
	assert_int_equal(fchmodat(room->fd, "a", 0400, 0), 0);
	assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct room *room = *state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct error error = {0};
	struct stat seen;
	assert_int_equal(symlinkat("/etc/passwd", room->fd, "link"), 0);
	assert_int_equal(mkfifoat(room->fd, "fifo", 0600), 0);
	assert_int_equal(mkdirat(room->fd, "folder", 0700), 0);
	static const char *const names[] = {"link", "fifo", "folder"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_true(vault_read(room->fd, names[i], &bytes, &seen, &error) < 0);
	assert_int_equal(bytes.len, 0);
}

static void a_file_has_a_bound(void **state)
{
	const struct room *room = *state;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct error error = {0};
	struct stat seen;
	int fd AUTO_FD = openat(room->fd, "a", O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, VAULT_FILE_MAX - 1), 0);
	assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error), 0);
	assert_int_equal(bytes.len, VAULT_FILE_MAX - 1);
	assert_int_equal(ftruncate(fd, VAULT_FILE_MAX), 0);
	buffer_clear(&bytes);
	assert_int_equal(vault_read(room->fd, "a", &bytes, &seen, &error), ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_replaced_and_read, make_room,
						leave_room),
		cmocka_unit_test_setup_teardown(
			a_rest_of_an_earlier_one_is_in_nobodys_way, make_room,
			leave_room),
		cmocka_unit_test_setup_teardown(files_that_others_can_touch_are_refused,
						make_room, leave_room),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, make_room,
						leave_room),
		cmocka_unit_test_setup_teardown(a_file_has_a_bound, make_room,
						leave_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
