/* T5: nothing in a view, and nothing that lies in DIR, reaches outside DIR. */
#include "destination_tree.h"

#include <pthread.h>

#define DEEP_COMPONENTS 130
#define DEEP_NAME_LEN 200

static void assert_outside_untouched(void)
{
	assert_int_equal(entries_in("outside"), 1);
	assert_holds("outside/precious", "precious");
	assert_mode("outside/precious", 0600);
	assert_mode("outside", 0711);
}

static void make_outside(void)
{
	assert_int_equal(mkdir("outside", 0711), 0);
	put("outside/precious", "precious");
	assert_int_equal(chmod("outside/precious", 0600), 0);
}

/* Every component of a path is, once each, a link that leads outside. */
static void t5_links_at_every_component_are_not_followed(void **state)
{
	struct place *place = *state;
	static const char *const seeds[] = {"out/a", "out/a/b", "out/a/b/c",
					    "out/a/b/c/precious"};
	static const char *const targets[] = {"../outside", "../../outside",
					      "../../../outside",
					      "../../../../outside/precious"};
	make_outside();
	add_dir(place, "a", 0777);
	add_dir(place, "a/b", 0777);
	add_dir(place, "a/b/c", 0777);
	add_file(place, "a/b/c/precious", "theirs", 0666);
	assert_int_equal(mkdir("out", 0755), 0);
	for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
		place->options.delete_extra = i % 2;
		assert_int_equal(symlink(targets[i], seeds[i]), 0);
		assert_int_equal(attach(place), 0);
		assert_outside_untouched();
		assert_holds("out/a/b/c/precious", "theirs");
		int fd AUTO_FD = open("out", O_RDONLY | O_DIRECTORY);
		assert_int_equal(remove_tree_contents(fd), 0);
		for (size_t j = 0; j <= i && j < 3; j++)
			assert_int_equal(mkdir(seeds[j], 0755), 0);
	}
}

static void t5_links_of_the_view_are_not_followed(void **state)
{
	struct place *place = *state;
	make_outside();
	add_link(place, "l", "../outside");
	assert_int_equal(attach(place), 0);
	new_view(place);
	add_dir(place, "l", 0777);
	add_file(place, "l/precious", "theirs", 0666);
	assert_int_equal(attach(place), 0);
	assert_outside_untouched();
	assert_holds("out/l/precious", "theirs");
}

/* A hard link in DIR to a file outside: neither its bytes, nor mode, nor time change. */
static void t5_hard_links_are_not_written_through(void **state)
{
	struct place *place = *state;
	make_outside();
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(link("outside/precious", "out/bytes"), 0);
	assert_int_equal(link("outside/precious", "out/mode"), 0);
	assert_int_equal(link("outside/precious", "out/time"), 0);
	struct timespec before = stat_of("outside/precious").st_mtim;
	add_file(place, "bytes", "PRECIOUS", 0600);
	add_file(place, "mode", "precious", 0666);
	add_file(place, "time", "precious", 0600);
	assert_int_equal(attach(place), 0);
	assert_outside_untouched();
	struct timespec after = stat_of("outside/precious").st_mtim;
	assert_memory_equal(&before, &after, sizeof(before));
	assert_holds("out/bytes", "PRECIOUS");
	assert_mode("out/mode", 0666);
}

static void t5_delete_does_not_follow_links(void **state)
{
	struct place *place = *state;
	make_outside();
	add_dir(place, "d", 0755);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	assert_int_equal(symlink("../../outside", "out/d/link"), 0);
	assert_int_equal(mkdir("out/tree", 0755), 0);
	assert_int_equal(symlink("../../outside", "out/tree/link"), 0);
	place->options.delete_extra = true;
	assert_int_equal(attach(place), 0);
	assert_outside_untouched();
	assert_int_equal(entries_in("out"), 1);
	assert_int_equal(entries_in("out/d"), 0);
}

static void t5_a_stage_that_is_a_link_is_left_alone(void **state)
{
	struct place *place = *state;
	make_outside();
	add_file(place, "a", "a", 0644);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(symlink("../outside", "out/.baton-0123456789ab"), 0);
	assert_int_equal(attach(place), 0);
	assert_outside_untouched();
	assert_holds("out/a", "a");
}

static void t5_destination_itself_may_be_a_link(void **state)
{
	struct place *place = *state;
	add_file(place, "a", "a", 0644);
	assert_int_equal(mkdir("real", 0755), 0);
	assert_int_equal(symlink("real", "out"), 0);
	assert_int_equal(attach(place), 0);
	assert_holds("real/a", "a");
	assert_true(S_ISLNK(stat_of("out").st_mode));
}

/* ---- what changes while we look ---- */

struct swapper {
	int root_fd;
	bool stop; /* atomic */
};

static void *swap_on_and_on(void *context)
{
	struct swapper *swapper = context;
	while (!__atomic_load_n(&swapper->stop, __ATOMIC_RELAXED))
		(void)renameat2(swapper->root_fd, "out/d", swapper->root_fd, "swap",
				RENAME_EXCHANGE);
	return NULL;
}

/* out/d is a directory at one moment and a link to outside at the next. An attach may
 * fail of it; outside stays as it is. */
static void t5_links_swapped_in_are_not_followed(void **state)
{
	struct place *place = *state;
	make_outside();
	place->options.delete_extra = true;
	add_dir(place, "d", 0777);
	add_file(place, "d/precious", "theirs", 0666);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/d", 0755), 0);
	assert_int_equal(symlink("../outside", "swap"), 0);
	int root_fd AUTO_FD = open(".", O_RDONLY | O_DIRECTORY);
	struct swapper swapper = {.root_fd = root_fd};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, swap_on_and_on, &swapper), 0);
	for (int i = 0; i < 300; i++) {
		int err = attach(place);
		assert_true(err == 0 || err == ERR_LOCAL);
		assert_outside_untouched();
	}
	__atomic_store_n(&swapper.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- depth ---- */

static void t5_paths_beyond_path_max(void **state)
{
	struct place *place = *state;
	struct buffer path AUTO(buffer_fini) = {0};
	for (int i = 0; i < DEEP_COMPONENTS; i++) {
		char name[DEEP_NAME_LEN + 1];
		memset(name, 'a' + i % 26, DEEP_NAME_LEN);
		name[DEEP_NAME_LEN] = i < DEEP_COMPONENTS - 1 ? '/' : '\0';
		buffer_put(&path, name, sizeof(name));
	}
	add_file(place, (char *)path.at, "deep", 0640);
	assert_true(path.len > 4096);
	assert_int_equal(attach(place), 0);
	assert_int_equal(place->counts.written, 1);
	assert_int_equal(attach(place), 0);
	assert_int_equal(place->counts.unchanged, 1);
	place->options.delete_extra = true;
	new_view(place);
	add_file(place, "instead", "shallow", 0640);
	assert_int_equal(attach(place), 0);
	assert_int_equal(entries_in("out"), 1);
}

static void t5_as_many_components_as_a_path_may_have(void **state)
{
	struct place *place = *state;
	char path[2 * PATH_DEPTH_MAX];
	for (size_t i = 0; i < PATH_DEPTH_MAX; i++) {
		path[2 * i] = 'd';
		path[2 * i + 1] = i < PATH_DEPTH_MAX - 1 ? '/' : '\0';
	}
	add_dir(place, path, 0555);
	assert_int_equal(attach(place), 0);
	assert_int_equal(mkdir("out/other", 0755), 0);
	assert_int_equal(attach(place), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(t5_links_at_every_component_are_not_followed),
		PLACE_TEST(t5_links_of_the_view_are_not_followed),
		PLACE_TEST(t5_hard_links_are_not_written_through),
		PLACE_TEST(t5_delete_does_not_follow_links),
		PLACE_TEST(t5_a_stage_that_is_a_link_is_left_alone),
		PLACE_TEST(t5_destination_itself_may_be_a_link),
		PLACE_TEST(t5_links_swapped_in_are_not_followed),
		PLACE_TEST(t5_paths_beyond_path_max),
		PLACE_TEST(t5_as_many_components_as_a_path_may_have),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
