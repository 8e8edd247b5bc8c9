/* What a persist takes and how it is kept: rules T1 and T2 (client/select/select.h,
 * walk.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "client/question/how.h"
#include "client/tree/walk.h"
#include "proto/base/bytes.h"
#include "proto/path/path.h"
#include "tests/harness/scratch_tree.h"

/* A scratch root, the options of one persist, and what the walk found. */
struct fixture {
	struct scratch scratch;
	struct options options;
	struct selection selection;
	struct tree tree;
	struct buffer listing; /* rows: "d a", "f a/b", "l c -> target", one a line */
	unsigned skipped;
	struct own_places own;
	int code;
	struct error error;
};

static int setup(void **state)
{
	struct fixture *fixture = must_calloc(1, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	fixture->options.root = fixture->scratch.path;
	fixture->selection.root_fd = -1;
	*state = fixture;
	return 0;
}

static void forget(struct fixture *fixture)
{
	string_list_fini(&fixture->options.arguments);
	string_list_fini(&fixture->options.exclude);
	selection_close(&fixture->selection);
	if (fixture->tree.blocks)
		tree_fini(&fixture->tree);
	buffer_clear(&fixture->listing);
	fixture->skipped = 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	forget(fixture);
	buffer_fini(&fixture->listing);
	scratch_fini(&fixture->scratch);
	free(fixture);
	return 0;
}

static void on_skipped(void *context, const char *path, size_t len, const char *kind)
{
	struct fixture *fixture = context;
	assert_non_null(kind);
	assert_true(path_valid(path, len));
	fixture->skipped++;
}

static void list_row(struct fixture *fixture, uint32_t number)
{
	static const char letters[] = "?fdl";
	const struct entry *entry = tree_entry(&fixture->tree, number);
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(&fixture->tree, number, &path);
	buffer_put_u8(&fixture->listing, (uint8_t)letters[entry->type]);
	buffer_put_u8(&fixture->listing, ' ');
	buffer_put(&fixture->listing, path.at, path.len);
	if (entry->type == ROW_SYMLINK) {
		buffer_put(&fixture->listing, " -> ", 4);
		buffer_put(&fixture->listing, entry->target, strlen(entry->target));
	}
	buffer_put_u8(&fixture->listing, '\n');
}

/* Walks with PATHs and excludes, each ending with a NULL. Returns the rows, or NULL. */
static const char *walk(struct fixture *fixture, const char *const *paths,
			const char *const *excludes)
{
	forget(fixture);
	for (; *paths; paths++)
		string_list_add(&fixture->options.arguments, *paths);
	for (; excludes && *excludes; excludes++)
		string_list_add(&fixture->options.exclude, *excludes);
	struct selection_how how = how_to_select(&fixture->options);
	fixture->code = selection_open(&fixture->selection, &how, &fixture->error);
	if (fixture->code < 0)
		return NULL;
	tree_init(&fixture->tree);
	struct faults faults AUTO(faults_fini);
	faults_init(&faults);
	struct walk_request request = {
		.selection = &fixture->selection,
		.own = &fixture->own,
		.events = {.on_skipped = on_skipped, .context = fixture},
	};
	fixture->code = walk_run(&request, &fixture->tree, &fixture->error);
	if (fixture->code == 0)
		fixture->code =
			selection_check(&fixture->selection, &faults, &fixture->error);
	for (uint32_t i = 0; i < fixture->tree.count; i++)
		if (tree_entry(&fixture->tree, i)->is_row)
			list_row(fixture, i);
	buffer_put_u8(&fixture->listing, 0);
	return fixture->code < 0 ? NULL : (const char *)fixture->listing.at;
}

#define PATHS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* a/{x.o,y.c,deep/z.o}  a.b  b/ (empty)  c -> a  .hidden  [q]  q */
static void make_small(const struct fixture *fixture)
{
	const struct scratch *scratch = &fixture->scratch;
	scratch_mkdir(scratch, "a");
	scratch_mkdir(scratch, "a/deep");
	scratch_mkdir(scratch, "b");
	scratch_text(scratch, "a/x.o", "x");
	scratch_text(scratch, "a/y.c", "y");
	scratch_text(scratch, "a/deep/z.o", "z");
	scratch_text(scratch, "a.b", "dot");
	scratch_text(scratch, ".hidden", "h");
	scratch_text(scratch, "[q]", "literal");
	scratch_text(scratch, "q", "glob");
	assert_int_equal(symlinkat("a", scratch->fd, "c"), 0);
}

static const char small_rows[] = "f .hidden\n"
				 "f [q]\n"
				 "d a\n"
				 "d a/deep\n"
				 "f a/deep/z.o\n"
				 "f a/x.o\n"
				 "f a/y.c\n"
				 "f a.b\n"
				 "d b\n"
				 "l c -> a\n"
				 "f q\n";

/* ---- what is Baton's own ---- */

static void own(struct fixture *fixture, const char *name)
{
	struct stat status;
	assert_int_equal(fstatat(fixture->scratch.fd, name, &status, 0), 0);
	const uint64_t numbers[] = {status.st_dev, status.st_ino, 1, 2};
	fixture->own.count = 0;
	own_places_add_data(&fixture->own, numbers, 4);
}

static void l5_the_daemons_data_are_left_out_whatever_their_name(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	scratch_text(&fixture->scratch, "a/deep/catalogue.db", "rows");
	own(fixture, "a/deep");
	assert_string_equal(walk(fixture, PATHS("a"), NULL), "d a\nf a/x.o\nf a/y.c\n");
	assert_int_equal(fixture->skipped, 1);
	assert_string_equal(walk(fixture, PATHS("a/deep"), NULL), "");
	assert_int_equal(fixture->skipped, 1);
	assert_null(walk(fixture, PATHS("a/deep/z.o"), NULL));
	assert_int_equal(fixture->code, ERR_EMPTY);
	assert_int_equal(fixture->skipped, 1);
}

static void l5_the_daemons_data_as_the_root_are_refused(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "catalogue.db", "rows");
	own(fixture, ".");
	assert_null(walk(fixture, PATHS("."), NULL));
	assert_int_equal(fixture->code, ERR_USAGE);
	assert_non_null(strstr(fixture->error.text, "data directory of batond"));
}

/* The numbers may be those of another machine. */
static void l5_what_only_has_the_numbers_of_the_daemons_data_is_taken(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	own(fixture, "a");
	assert_string_equal(walk(fixture, PATHS("."), NULL), small_rows);
	assert_int_equal(fixture->skipped, 0);
}

/* ---- T1 ---- */

static void t1_a_dot_takes_the_whole_root_without_a_row_for_it(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("."), NULL), small_rows);
}

static void t1_a_directory_is_taken_whole_also_when_empty(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("b"), NULL), "d b\n");
	assert_string_equal(walk(fixture, PATHS("a/deep/"), NULL),
			    "d a/deep\nf a/deep/z.o\n");
}

static void t1_parents_of_a_path_have_no_row(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("./a//deep/z.o"), NULL),
			    "f a/deep/z.o\n");
}

static void t1_globs_match_and_take_directories_whole(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("**/*.o"), NULL),
			    "f a/deep/z.o\nf a/x.o\n");
	assert_string_equal(walk(fixture, PATHS("a/d*"), NULL),
			    "d a/deep\nf a/deep/z.o\n");
	assert_string_equal(walk(fixture, PATHS("*/"), NULL),
			    "d a\nd a/deep\nf a/deep/z.o\nf a/x.o\nf a/y.c\nd b\n");
}

static void t1_overlapping_paths_give_each_entry_once(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("a", "a/deep", ".", "**/*.o", "a"), NULL),
			    small_rows);
}

static void t1_what_exists_as_written_is_literal(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("[q]"), NULL), "f [q]\n");
	assert_int_equal(unlinkat(fixture->scratch.fd, "[q]", 0), 0);
	assert_string_equal(walk(fixture, PATHS("[q]"), NULL), "f q\n");
	fixture->options.literal = true;
	assert_null(walk(fixture, PATHS("[q]"), NULL));
	assert_int_equal(fixture->code, ERR_EMPTY);
}

static void t1_absolute_paths_below_the_root_are_fine(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	char path[300];
	(void)snprintf(path, sizeof(path), "%s/a/x.o", fixture->scratch.path);
	assert_string_equal(walk(fixture, PATHS(path), NULL), "f a/x.o\n");
	(void)snprintf(path, sizeof(path), "%s/", fixture->scratch.path);
	assert_string_equal(walk(fixture, PATHS(path), NULL), small_rows);
	assert_null(walk(fixture, PATHS("/etc/hostname"), NULL));
	assert_int_equal(fixture->code, ERR_USAGE);
}

static void t1_dots_that_climb_are_wrong_usage(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	static const char *const wrong[] = {"..", "../a", "a/../b", "a/..", ""};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_null(walk(fixture, PATHS(wrong[i]), NULL));
		assert_int_equal(fixture->code, ERR_USAGE);
	}
}

static void t1_a_path_that_matches_nothing_is_named(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	static const char *const absent[] = {"nowhere", "a/x.o/", "*.none", "a/x.o/y"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++) {
		assert_null(walk(fixture, PATHS("a", absent[i]), NULL));
		assert_int_equal(fixture->code, ERR_EMPTY);
		assert_non_null(strstr(fixture->error.text, absent[i]));
	}
	assert_null(walk(fixture, PATHS("a"), PATHS("a")));
	assert_int_equal(fixture->code, ERR_EMPTY);
}

static void t1_a_symbolic_link_inside_a_path_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_null(walk(fixture, PATHS("c/x.o"), NULL));
	assert_int_equal(fixture->code, ERR_USAGE);
	assert_null(walk(fixture, PATHS("c/*.o"), NULL));
	assert_int_equal(fixture->code, ERR_USAGE);
	assert_string_equal(walk(fixture, PATHS("c"), NULL), "l c -> a\n");
}

static void t1_excludes_match_at_any_depth_or_at_their_path(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	assert_string_equal(walk(fixture, PATHS("a"), PATHS("*.o")),
			    "d a\nd a/deep\nf a/y.c\n");
	assert_string_equal(walk(fixture, PATHS("a"), PATHS("a/deep")),
			    "d a\nf a/x.o\nf a/y.c\n");
}

static void t1_exclude_vcs_leaves_version_control_out(void **state)
{
	struct fixture *fixture = *state;
	scratch_mkdir(&fixture->scratch, "m");
	scratch_mkdir(&fixture->scratch, "m/.git");
	scratch_text(&fixture->scratch, "m/.git/HEAD", "ref");
	scratch_text(&fixture->scratch, "m/.gitignore", "o");
	fixture->options.exclude_vcs = true;
	assert_string_equal(walk(fixture, PATHS("m"), NULL), "d m\nf m/.gitignore\n");
}

/* Opening a directory is an event; so the kernel says what the walk has opened. */
static void t1_an_excluded_directory_is_not_opened(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	char path[300];
	(void)snprintf(path, sizeof(path), "%s/a/deep", fixture->scratch.path);
	int watch AUTO_FD = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	assert_true(inotify_add_watch(watch, path, IN_OPEN | IN_ACCESS) >= 0);
	assert_non_null(walk(fixture, PATHS("."), PATHS("deep")));
	char events[4096];
	assert_int_equal(read(watch, events, sizeof(events)), -1);
	assert_int_equal(errno, EAGAIN);
	assert_non_null(walk(fixture, PATHS("."), NULL));
	assert_true(read(watch, events, sizeof(events)) > 0);
}

static void t1_paths_from_takes_lines_or_nul_separated(void **state)
{
	struct fixture *fixture = *state;
	make_small(fixture);
	char list[300];
	(void)snprintf(list, sizeof(list), "%s/list", fixture->scratch.path);
	fixture->options.paths_from = list;
	scratch_text(&fixture->scratch, "list", "a/x.o\n\nq\n");
	static const char *const none[] = {NULL};
	assert_string_equal(walk(fixture, none, NULL), "f a/x.o\nf q\n");
	scratch_write(&fixture->scratch, "list", "a/y.c\0q", 7);
	assert_string_equal(walk(fixture, none, NULL), "f a/y.c\nf q\n");
}

/* ---- T2 ---- */

static void t2_modes_times_and_targets_are_kept(void **state)
{
	struct fixture *fixture = *state;
	const struct scratch *scratch = &fixture->scratch;
	scratch_mkdir(scratch, "d");
	assert_int_equal(symlinkat("no/such/../place", scratch->fd, "l"), 0);
	assert_int_equal(fchmodat(scratch->fd, "d", 07751, 0), 0);
	struct timespec times[2] = {{1, 0}, {1234567890, 123456789}};
	assert_int_equal(utimensat(scratch->fd, "d", times, 0), 0);
	assert_string_equal(walk(fixture, PATHS("."), NULL),
			    "d d\nl l -> no/such/../place\n");
	const struct entry *entry = tree_entry(&fixture->tree, 1);
	assert_int_equal(entry->mode, 0751);
	assert_int_equal(entry->seconds, 1234567890);
	assert_int_equal(entry->nanoseconds, 123456789);
	assert_int_equal(tree_entry(&fixture->tree, 2)->mode, 0777);
}

static void t2_names_are_any_bytes(void **state)
{
	struct fixture *fixture = *state;
	char name[256];
	memset(name, 0xff, 255);
	name[255] = '\0';
	scratch_text(&fixture->scratch, "new\nline", "");
	scratch_text(&fixture->scratch, "\x01\x80", "");
	scratch_text(&fixture->scratch, name, "");
	const char *rows = walk(fixture, PATHS("."), NULL);
	assert_non_null(rows);
	assert_memory_equal(rows, "f \x01\x80\nf new\nline\nf \xff\xff", 18);
	assert_int_equal(tree_entry(&fixture->tree, 3)->name_len, 255);
}

static void t2_sockets_and_fifos_are_skipped_and_counted(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "file", "");
	assert_int_equal(mkfifoat(fixture->scratch.fd, "fifo", 0600), 0);
	int fd AUTO_FD = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/socket",
		       fixture->scratch.path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_string_equal(walk(fixture, PATHS("."), NULL), "f file\n");
	assert_int_equal(fixture->skipped, 2);
}

/* ---- order and depth ---- */

static void rows_ascend_as_path_compare_says(void **state)
{
	struct fixture *fixture = *state;
	const struct scratch *scratch = &fixture->scratch;
	static const char *const names[] = {"a", "a.b", "a-b", "ab", "a!", "a\x01", "b"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		scratch_mkdir(scratch, names[i]);
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
			char path[32];
			(void)snprintf(path, sizeof(path), "%s/%s", names[i], names[k]);
			scratch_text(scratch, path, "");
		}
	}
	assert_non_null(walk(fixture, PATHS("."), NULL));
	struct buffer before AUTO(buffer_fini) = {0};
	struct buffer path AUTO(buffer_fini) = {0};
	for (uint32_t i = 1; i < fixture->tree.count; i++) {
		tree_path(&fixture->tree, i, &path);
		assert_true(path_compare((const char *)before.at, before.len,
					 (const char *)path.at, path.len) < 0);
		buffer_clear(&before);
		buffer_put(&before, path.at, path.len);
	}
	assert_int_equal(fixture->tree.count, 1 + 7 + 49);
}

/* 60 levels of 200 bytes: three times PATH_MAX. */
static void paths_beyond_path_max_are_walked(void **state)
{
	struct fixture *fixture = *state;
	char name[201];
	memset(name, 'n', 200);
	name[200] = '\0';
	int fd AUTO_FD = openat(fixture->scratch.fd, ".", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY);
		(void)close(fd);
		fd = below;
	}
	assert_int_equal(mknodat(fd, "leaf", S_IFREG | 0644, 0), 0);
	assert_non_null(walk(fixture, PATHS("."), NULL));
	assert_int_equal(fixture->tree.count, 62);
	struct buffer path AUTO(buffer_fini) = {0};
	tree_path(&fixture->tree, 61, &path);
	assert_int_equal(path.len, 60 * 201 + 4);
	char *text AUTO_FREE = must_memdup(path.at, path.len);
	assert_non_null(walk(fixture, PATHS(text), NULL));
}

/* More levels than the walk keeps open. */
static void directories_closed_on_the_way_down_are_opened_again(void **state)
{
	struct fixture *fixture = *state;
	int fd AUTO_FD = openat(fixture->scratch.fd, ".", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		assert_int_equal(symlinkat("t", fd, "z"), 0);
		int below = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		(void)close(fd);
		fd = below;
	}
	assert_non_null(walk(fixture, PATHS("."), NULL));
	assert_int_equal(fixture->tree.count, 1 + 600);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(l5_the_daemons_data_are_left_out_whatever_their_name),
		TEST(l5_the_daemons_data_as_the_root_are_refused),
		TEST(l5_what_only_has_the_numbers_of_the_daemons_data_is_taken),
		TEST(t1_a_dot_takes_the_whole_root_without_a_row_for_it),
		TEST(t1_a_directory_is_taken_whole_also_when_empty),
		TEST(t1_parents_of_a_path_have_no_row),
		TEST(t1_globs_match_and_take_directories_whole),
		TEST(t1_overlapping_paths_give_each_entry_once),
		TEST(t1_what_exists_as_written_is_literal),
		TEST(t1_absolute_paths_below_the_root_are_fine),
		TEST(t1_dots_that_climb_are_wrong_usage),
		TEST(t1_a_path_that_matches_nothing_is_named),
		TEST(t1_a_symbolic_link_inside_a_path_is_an_error),
		TEST(t1_excludes_match_at_any_depth_or_at_their_path),
		TEST(t1_exclude_vcs_leaves_version_control_out),
		TEST(t1_an_excluded_directory_is_not_opened),
		TEST(t1_paths_from_takes_lines_or_nul_separated),
		TEST(t2_modes_times_and_targets_are_kept),
		TEST(t2_names_are_any_bytes),
		TEST(t2_sockets_and_fifos_are_skipped_and_counted),
		TEST(rows_ascend_as_path_compare_says),
		TEST(paths_beyond_path_max_are_walked),
		TEST(directories_closed_on_the_way_down_are_opened_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
