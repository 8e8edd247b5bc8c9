/* An attach that remembers what it wrote (client/destination/known.c): rules T4, T5, and
 * that nothing hides behind the stat record. */
#include "destination_tree.h"

#include <sys/inotify.h>
#include <time.h>

#include "client/record/record.h"
#include "tests/harness/moving_clock.h"

static void add_sample(struct place *place)
{
	add_file(place, "a.txt", "alpha", 0640);
	add_dir(place, "d", 0755);
	add_file_in_units(place, "d/large", "0123456789abcdef", 3, 0755);
	add_link(place, "d/link", "../a.txt");
	add_file(place, "d/small", "small", 0600);
	add_file(place, "e/f/implied", "below directories without rows", 0600);
	add_file(place, "zero", "", 0604);
}

/* ---- a clock that moves only when something is read ---- */

static struct timespec stopped_clock; /* of CLOCK_REALTIME_COARSE; 0: it goes */
static time_t read_seconds;           /* how long a read takes on it */

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
ssize_t __real_read(int fd, void *ret_bytes, size_t len);
ssize_t __wrap_read(int fd, void *ret_bytes, size_t len);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (clock != CLOCK_REALTIME_COARSE || stopped_clock.tv_sec == 0)
		return __real_clock_gettime(clock, ret_time);
	*ret_time = stopped_clock;
	return 0;
}

ssize_t __wrap_read(int fd, void *ret_bytes, size_t len)
{
	stopped_clock.tv_sec += read_seconds;
	return __real_read(fd, ret_bytes, len);
}

/* Whether an attach that compares a file, `age` seconds after it was written, remembers
 * its bytes for the next time. */
static bool is_remembered(struct place *place, time_t age, time_t seconds_to_read)
{
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/a.txt", "alpha");
	struct timespec times[2] = {{0, UTIME_OMIT}, {ROW_SECONDS, ROW_NANOSECONDS}};
	assert_int_equal(utimensat(AT_FDCWD, "out/a.txt", times, 0), 0);
	add_file(place, "a.txt", "alpha", 0644);
	stopped_clock = stat_of("out/a.txt").st_ctim;
	stopped_clock.tv_sec += age;
	read_seconds = seconds_to_read;
	attach_recorded(place, NULL);
	stopped_clock = (struct timespec){0};
	read_seconds = 0;
	assert_int_equal(place->counts.unchanged, 1);
	int fd AUTO_FD = open("out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct record *record = record_open(fd);
	assert_non_null(record);
	uint32_t entry = record_find(record, "a.txt", strlen("a.txt"));
	assert_int_not_equal(entry, RECORD_NONE);
	bool remembered = record_get(record, entry).trusted;
	record_close(record);
	return remembered;
}

/* ---- what is opened ---- */

struct watch {
	int fd; /* owned */
	int directories[3];
};

static struct watch watch_begin(void)
{
	static const char *const paths[] = {"out", "out/d", "out/e/f"};
	struct watch watch = {.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	for (int i = 0; i < 3; i++) {
		watch.directories[i] = inotify_add_watch(watch.fd, paths[i], IN_OPEN);
		assert_true(watch.directories[i] > 0);
	}
	return watch;
}

/* Files, not directories, opened since. */
static unsigned watch_end(const struct watch *watch)
{
	char events[65536] __attribute__((aligned(8)));
	ssize_t len = read(watch->fd, events, sizeof(events));
	unsigned opened = 0;
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)(events + at);
		opened += !(event->mask & IN_ISDIR);
		at += (ssize_t)sizeof(*event) + event->len;
	}
	(void)close(watch->fd);
	return opened;
}

static void what_an_attach_wrote_is_not_read_again(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	assert_int_equal(place->counts.written, 5);
	struct watch watch = watch_begin();
	attach_recorded(place, NULL);
	assert_int_equal(watch_end(&watch), 0);
	assert_int_equal(place->counts.unchanged, 5);
	assert_int_equal(place->counts.written, 0);
}

/* A small attach does not wait for the clock: what it wrote could still be written to
 * without a trace. */
static void what_is_too_young_is_read_again(void **state)
{
	struct place *place = *state;
	add_sample(place);
	place->options.settle_from = UINT64_MAX;
	(void)clock_gettime(CLOCK_REALTIME, &stopped_clock);
	attach_recorded(place, NULL);
	stopped_clock = (struct timespec){0};
	assert_int_equal(place->counts.written, 5);
	struct watch watch = watch_begin();
	attach_recorded(place, NULL);
	assert_true(watch_end(&watch) >= 5);
	assert_int_equal(place->counts.unchanged, 5);
}

static void what_changed_is_read_and_nothing_else(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	put("out/d/small", "SMALL");
	struct watch watch = watch_begin();
	attach_recorded(place, NULL);
	assert_int_equal(watch_end(&watch), 1);
	assert_holds("out/d/small", "small");
	assert_int_equal(place->counts.unchanged, 4);
}

static void what_was_compared_is_not_read_again(void **state)
{
	struct place *place = *state;
	add_sample(place);
	assert_int_equal(attach(place), 0); /* without a record */
	let_the_clock_move();
	attach_recorded(place, NULL);
	struct watch watch = watch_begin();
	attach_recorded(place, NULL);
	assert_int_equal(watch_end(&watch), 0);
}

static void without_trust_everything_is_read(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	struct watch watch = watch_begin();
	assert_int_equal(attach(place), 0);
	assert_true(watch_end(&watch) >= 5);
}

/* A view of one file more. */
static void what_is_added_is_all_that_is_written(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	new_view(place);
	add_sample(place);
	add_file(place, "zz", "more", 0644);
	struct watch watch = watch_begin();
	attach_recorded(place, NULL);
	assert_int_equal(watch_end(&watch), 0);
	assert_int_equal(place->counts.unchanged, 5);
	assert_int_equal(place->counts.written, 1);
	assert_holds("out/zz", "more");
}

/* ---- what tries to hide ---- */

static void write_over(const char *path, const char *bytes)
{
	struct stat before = stat_of(path);
	int fd AUTO_FD = open(path, O_WRONLY);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	struct timespec times[2] = {before.st_atim, before.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(stat_of(path).st_size, before.st_size);
}

static void write_over_small(void)
{
	write_over("out/d/small", "SMALL");
}

static void write_over_all(void)
{
	write_over("out/d/small", "SMALL");
	write_over("out/d/large", "fedcba9876543210");
	write_over("out/a.txt", "ALPHA");
}

static void a_write_before_the_record_is_seen(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, write_over_small);
	attach_recorded(place, NULL);
	assert_holds("out/d/small", "small");
}

static void a_write_right_after_the_attach_is_seen(void **state)
{
	struct place *place = *state;
	for (int i = 0; i < 20; i++) {
		new_view(place);
		add_sample(place);
		attach_recorded(place, NULL);
		write_over_all();
		attach_recorded(place, i % 2 ? write_over_small : NULL);
		if (i % 2 == 0)
			assert_holds("out/d/small", "small");
		assert_holds("out/d/large", "0123456789abcdef");
		assert_holds("out/a.txt", "alpha");
	}
}

static void a_file_put_into_its_place_alone_is_read_again(void **state)
{
	struct place *place = *state;
	assert_int_equal(mkdir("out", 0755), 0);
	put("out/other", "keeps the directory from being empty");
	add_sample(place);
	attach_recorded(place, write_over_all);
	attach_recorded(place, NULL);
	assert_holds("out/a.txt", "alpha");
	assert_holds("out/d/small", "small");
	assert_holds("out/d/large", "0123456789abcdef");
}

static void a_changed_mode_is_seen(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	assert_int_equal(chmod("out/a.txt", 0600), 0);
	assert_int_equal(chmod("out/d", 0700), 0);
	attach_recorded(place, NULL);
	assert_mode("out/a.txt", 0640);
	assert_mode("out/d", 0755);
}

static void a_changed_link_is_seen(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	assert_int_equal(unlink("out/d/link"), 0);
	assert_int_equal(symlink("../b.txt", "out/d/link"), 0);
	attach_recorded(place, NULL);
	char target[16] = "";
	assert_int_equal(readlink("out/d/link", target, sizeof(target)), 8);
	assert_string_equal(target, "../a.txt");
}

static void what_is_gone_is_seen(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	assert_int_equal(unlink("out/e/f/implied"), 0);
	assert_int_equal(rmdir("out/e/f"), 0);
	attach_recorded(place, NULL);
	assert_holds("out/e/f/implied", "below directories without rows");
}

static void another_view_is_written(void **state)
{
	struct place *place = *state;
	add_sample(place);
	attach_recorded(place, NULL);
	new_view(place);
	add_file(place, "a.txt", "ALPHA", 0640);
	attach_recorded(place, NULL);
	assert_holds("out/a.txt", "ALPHA");
	new_view(place);
	add_sample(place);
	attach_recorded(place, NULL);
	assert_holds("out/a.txt", "alpha");
}

/* A write in the same tick of the clock would leave the change time as it is. */
static void what_was_just_written_is_not_remembered(void **state)
{
	assert_false(is_remembered(*state, 0, 0));
}

static void what_gets_old_while_it_is_read_is_not_remembered(void **state)
{
	assert_false(is_remembered(*state, 0, 5));
}

static void what_was_old_when_it_was_read_is_remembered(void **state)
{
	assert_true(is_remembered(*state, 5, 0));
}

/* The same bytes under another time: nothing is read, and the time is set. */
static void another_time_is_set(void **state)
{
	struct place *place = *state;
	add_file(place, "a.txt", "alpha", 0640);
	attach_recorded(place, NULL);
	new_view(place);
	struct row row = row_of("a.txt", ROW_FILE, 0640);
	struct unit_name unit = name_of("alpha", 5);
	row.time.seconds++;
	row.size = 5;
	row.units = &unit;
	row.unit_count = 1;
	add_row(&place->tree, &row);
	attach_recorded(place, NULL);
	assert_int_equal(stat_of("out/a.txt").st_mtim.tv_sec, ROW_SECONDS + 1);
	assert_int_equal(place->counts.unchanged, 1);
}

static int setup(void **state)
{
	int err = place_setup(state);
	(void)setenv("XDG_CACHE_HOME", ((struct place *)*state)->path, 1);
	return err;
}

#define RECORD_TEST(test) cmocka_unit_test_setup_teardown(test, setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECORD_TEST(what_an_attach_wrote_is_not_read_again),
		RECORD_TEST(what_is_too_young_is_read_again),
		RECORD_TEST(what_changed_is_read_and_nothing_else),
		RECORD_TEST(what_was_compared_is_not_read_again),
		RECORD_TEST(without_trust_everything_is_read),
		RECORD_TEST(what_is_added_is_all_that_is_written),
		RECORD_TEST(a_write_before_the_record_is_seen),
		RECORD_TEST(a_write_right_after_the_attach_is_seen),
		RECORD_TEST(a_file_put_into_its_place_alone_is_read_again),
		RECORD_TEST(a_changed_mode_is_seen),
		RECORD_TEST(a_changed_link_is_seen),
		RECORD_TEST(what_is_gone_is_seen),
		RECORD_TEST(what_was_just_written_is_not_remembered),
		RECORD_TEST(what_gets_old_while_it_is_read_is_not_remembered),
		RECORD_TEST(what_was_old_when_it_was_read_is_remembered),
		RECORD_TEST(another_view_is_written),
		RECORD_TEST(another_time_is_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
