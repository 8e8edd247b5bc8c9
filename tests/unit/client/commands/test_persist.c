/* baton persist over connections that break: rules W1 and W2
 * (client/commands/persist/session.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include <cmocka.h>

#include "client/commands/command.h"
#include "tests/harness/fake_daemon.h"
#include "tests/harness/scratch_tree.h"

struct fixture {
	struct scratch scratch; /* "s": the socket; "root": what is persisted */
	char root[300], server[300];
	char *identity[3];
	struct options options;
	struct fake fake;
	int listener;
	unsigned connections;
	unsigned drop_at[4]; /* of the first connections */
	uint8_t keys[4][16];
	bool again[4];
	pthread_t thread;
	struct error error;
};

/* Serves one connection after the other, until the listener is shut down. */
static void *accept_all(void *context)
{
	struct fixture *fixture = context;
	int fd;
	while ((fd = accept(fixture->listener, NULL, NULL)) >= 0) {
		struct fake *fake = &fixture->fake;
		unsigned number = fixture->connections++;
		fake->messages = 0;
		fake->drop_at = number < 4 ? fixture->drop_at[number] : 0;
		link_init(&fake->link, transport_of_socket(fd), -1, "the client");
		fake->link.silence_ms = 60000;
		fake_serve(fake);
		link_fini(&fake->link);
		if (number < 4) {
			memcpy(fixture->keys[number], fake->key, 16);
			fixture->again[number] = fake->again;
		}
	}
	return NULL;
}

static int setup(void **state)
{
	struct fixture *fixture = must_calloc(1, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	scratch_mkdir(&fixture->scratch, "root");
	(void)snprintf(fixture->root, sizeof(fixture->root), "%s/root",
		       fixture->scratch.path);
	(void)snprintf(fixture->server, sizeof(fixture->server), "unix:%s/s",
		       fixture->scratch.path);
	fixture->identity[0] = must_strdup("w");
	fixture->identity[1] = must_strdup("j");
	struct options *options = &fixture->options;
	options->root = fixture->root;
	options->server.value = fixture->server;
	options->workflow.value = fixture->identity[0];
	options->job.value = fixture->identity[1];
	options->timeout_ms = 30000;
	options->quiet = true;
	string_list_add(&options->arguments, ".");
	fixture->fake.window = ASK_WINDOW_UNITS;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.90s/s",
		       fixture->scratch.path);
	fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fixture->listener, (const struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(fixture->listener, 8), 0);
	assert_int_equal(pthread_create(&fixture->thread, NULL, accept_all, fixture), 0);
	*state = fixture;
	return 0;
}

/* The fake's findings may be looked at from now on. */
static void stop(struct fixture *fixture)
{
	if (fixture->listener < 0)
		return;
	(void)shutdown(fixture->listener, SHUT_RDWR);
	(void)pthread_join(fixture->thread, NULL);
	(void)close(fixture->listener);
	fixture->listener = -1;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	stop(fixture);
	fake_fini(&fixture->fake);
	string_list_fini(&fixture->options.arguments);
	free(fixture->identity[0]);
	free(fixture->identity[1]);
	scratch_fini(&fixture->scratch);
	free(fixture);
	return 0;
}

static int persist(struct fixture *fixture)
{
	struct report *report = report_new(false, true);
	int rc = persist_run(&fixture->options, report, &fixture->error);
	report_free(report);
	return rc;
}

static bool has_text(const struct fixture *fixture, const char *path, const char *text)
{
	return fake_has_file(&fixture->fake, &fixture->fake.root, path, text,
			     strlen(text));
}

static void a_layer_without_a_digest_is_refused(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	fixture->fake.hides_digest = true;
	assert_int_equal(persist(fixture), ERR_UNEXPECTED);
	/* also where it is said to have been committed before anything was sent */
	assert_int_equal(persist(fixture), ERR_PROTOCOL);
}

static void w1_a_persist_commits_the_tree(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	assert_int_equal(persist(fixture), 0);
	stop(fixture);
	assert_true(fixture->fake.committed);
	assert_true(has_text(fixture, "one", "one"));
	assert_false(fixture->again[0]);
}

/* HELLO 1, PERSIST 2, ASK 3, UNITS 4, UNITS 5 (the piece, unasked), COMMIT 6. */
static void w2_a_lost_connection_is_tried_again_with_the_same_key(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	for (unsigned i = 0; i < 3; i++)
		fixture->drop_at[i] = 2 + 2 * i;
	assert_int_equal(persist(fixture), 0);
	stop(fixture);
	assert_int_equal(fixture->connections, 4);
	assert_true(has_text(fixture, "one", "one"));
	assert_memory_equal(fixture->keys[1], fixture->keys[2], 16);
	assert_memory_equal(fixture->keys[1], fixture->keys[3], 16);
	assert_true(fixture->again[1] && fixture->again[2] && fixture->again[3]);
}

/* The daemon had committed it; only its answer was lost. */
static void w2_a_lost_acknowledgement_gives_the_same_layer(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	fixture->drop_at[0] = 6;
	assert_int_equal(persist(fixture), 0);
	stop(fixture);
	assert_int_equal(fixture->connections, 2);
	assert_int_equal(fixture->fake.sent, 1);
	assert_true(fixture->again[1]);
}

static void w2_a_key_committed_with_another_digest_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	fixture->drop_at[0] = 6;
	fixture->fake.lies_about_digest = true;
	assert_int_equal(persist(fixture), ERR_IDENTITY);
}

static void w2_without_a_daemon_there_is_no_waiting(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	stop(fixture);
	assert_int_equal(unlinkat(fixture->scratch.fd, "s", 0), 0);
	assert_int_equal(persist(fixture), ERR_UNREACHABLE);
}

static void t1_what_matches_nothing_is_an_error_or_an_empty_layer(void **state)
{
	struct fixture *fixture = *state;
	string_list_add(&fixture->options.arguments, "*.none");
	assert_int_equal(persist(fixture), ERR_EMPTY);
	fixture->options.if_empty = IF_EMPTY_OK;
	assert_int_equal(persist(fixture), 0);
	stop(fixture);
	struct error error;
	struct root root AUTO(root_fini) = {0};
	assert_int_equal(
		root_decode(fixture->fake.root.at, fixture->fake.root.len, &root, &error),
		0);
	assert_int_equal(root.piece_count, 0);
}

static void a_dry_run_asks_nobody(void **state)
{
	struct fixture *fixture = *state;
	scratch_text(&fixture->scratch, "root/one", "one");
	fixture->options.dry_run = true;
	assert_int_equal(persist(fixture), 0);
	stop(fixture);
	assert_int_equal(fixture->connections, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(w1_a_persist_commits_the_tree),
		TEST(a_layer_without_a_digest_is_refused),
		TEST(w2_a_lost_connection_is_tried_again_with_the_same_key),
		TEST(w2_a_lost_acknowledgement_gives_the_same_layer),
		TEST(w2_a_key_committed_with_another_digest_is_an_error),
		TEST(w2_without_a_daemon_there_is_no_waiting),
		TEST(t1_what_matches_nothing_is_an_error_or_an_empty_layer),
		TEST(a_dry_run_asks_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
