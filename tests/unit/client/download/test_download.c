/* WANT and FRAME: what is asked for, and that nothing is used unchecked (T6). */
#include "tests/harness/view_example.h"

#include <pthread.h>
#include <unistd.h>

#include "client/download/download.h"

#define UNITS_MAX 16

static const char *const texts[] = {"first text", "second text, a longer one",
				    "third text"};

/* Takes what it gets, by mention; workers are several. */
struct basket {
	pthread_mutex_t mutex;
	const struct view_table *table; /* borrowed */
	char got[UNITS_MAX][64];
	int calls;
	int fail_with; /* 0, or what to return */
};

static int on_unit(void *context, unsigned worker, uint32_t mention, const uint8_t *bytes,
		   struct error *error)
{
	(void)worker;
	struct basket *basket = context;
	pthread_mutex_lock(&basket->mutex);
	memcpy(basket->got[mention], bytes, basket->table->units[mention].name.key.len);
	basket->calls++;
	int err = basket->fail_with;
	pthread_mutex_unlock(&basket->mutex);
	return err ? error_set(error, err, "`x`: no room") : 0;
}

/* Files a to e: of the texts 0, 1, 0 again, 2, and (1, 2). */
static void make_table(struct view_table *table)
{
	struct unit_name units[2];
	struct error error = {0};
	view_table_init(table);
	struct row rows[] = {file_row("a", texts[0], NULL, units)};
	assert_int_equal(view_table_add(table, rows, &error), 0);
	rows[0] = file_row("b", texts[1], NULL, units);
	assert_int_equal(view_table_add(table, rows, &error), 0);
	rows[0] = file_row("c", texts[0], NULL, units);
	assert_int_equal(view_table_add(table, rows, &error), 0);
	rows[0] = file_row("d", texts[2], NULL, units);
	assert_int_equal(view_table_add(table, rows, &error), 0);
	rows[0] = file_row("e", texts[1], texts[2], units);
	assert_int_equal(view_table_add(table, rows, &error), 0);
	view_table_finish(table);
}

struct round {
	struct script *script; /* borrowed */
	struct view_table table;
	struct want want;
	struct basket basket;
	bool verify;
};

static void round_init(struct round *round, struct script *script)
{
	*round = (struct round){.script = script,
				.basket = {.mutex = PTHREAD_MUTEX_INITIALIZER}};
	make_table(&round->table);
	round->basket.table = &round->table;
	want_init(&round->want, &round->table, 0, round->table.unit_count,
		  round->table.unit_count);
	for (uint32_t i = 0; i < round->table.unit_count; i++)
		want_add(&round->want, i);
}

static void round_fini(struct round *round)
{
	want_fini(&round->want);
	view_table_fini(&round->table);
}

static void says_frames_end(struct script *script)
{
	struct msg_empty end = {0};
	script_says_control(script, MSG_FRAMES_END, &end);
}

static void says_frame(struct script *script, const struct buffer *frame)
{
	script_says(script, MSG_FRAME, frame->at, frame->len);
}

static int run(struct round *round)
{
	struct download_sink sink = {.on_unit = on_unit, .context = &round->basket};
	/* Whoever has told of damage waits until the daemon hangs up. */
	assert_int_equal(shutdown(round->script->far, SHUT_WR), 0);
	return download_run(&round->script->link, &round->want, &sink, round->verify,
			    &round->script->error);
}

static void assert_all(const struct round *round)
{
	static const int text_of_mention[] = {0, 1, 0, 2, 1, 2};
	for (int i = 0; i < 6; i++)
		assert_string_equal(round->basket.got[i], texts[text_of_mention[i]]);
	assert_int_equal(round->basket.calls, 6);
}

static void want_asks_for_first_mentions_only(void **state)
{
	struct script *script = *state;
	struct round round AUTO(round_fini);
	round_init(&round, script);
	assert_int_equal(want_send(&round.want, &script->link, &script->error), 0);
	uint8_t wire[64];
	ssize_t len = recv(script->far, wire, sizeof(wire), MSG_DONTWAIT);
	static const uint8_t expected[] = {13, 0, 0, 0, MSG_WANT, 0, 1, 0, /* header */
					   1,  0, 0, 0, 0,        0, 0, 0,
					   0,  0, 0, 0, 0x0b};
	assert_int_equal(len, sizeof(expected));
	wire[6] = 1;
	assert_memory_equal(wire, expected, sizeof(expected));
	assert_int_equal(round.want.wanted, 3);
}

static void each_place_of_a_unit_gets_it(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 3);
	says_frame(round.script, &frame);
	says_frames_end(round.script);
	assert_int_equal(run(&round), 0);
	assert_all(&round);
}

static void t6_a_frame_sent_twice_is_used_once(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	round.verify = true;
	for (int i = 0; i < 3; i++) {
		static const char *const unwanted[] = {"nobody asked for this"};
		struct buffer frame AUTO(buffer_fini) = {0};
		put_frame(&frame, texts, 3);
		says_frame(round.script, &frame);
		buffer_clear(&frame);
		put_frame(&frame, unwanted, 1);
		says_frame(round.script, &frame);
	}
	says_frames_end(round.script);
	assert_int_equal(run(&round), 0);
	assert_all(&round);
}

/* Each bit of a frame in turn: all are damage, and the sentence names a file. */
static void t6_a_flipped_bit_names_the_file(void **state)
{
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 3);
	for (size_t bit = 0; bit < frame.len * 8; bit += 13) {
		void *fresh = NULL;
		(void)script_setup(&fresh);
		struct round round AUTO(round_fini);
		round_init(&round, fresh);
		frame.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		says_frame(round.script, &frame);
		frame.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		says_frames_end(round.script);
		int err = run(&round);
		assert_true(err == ERR_DAMAGED || (bit / 8 == 4 && err == ERR_VERSION));
		if (err == ERR_DAMAGED)
			assert_int_equal(strncmp(round.script->error.text, "`a`: ", 5),
					 0);
		assert_int_equal(round.basket.calls, 0);
		(void)script_teardown(&fresh);
	}
	(void)state;
}

/* The right bytes under another SHA-256 are another unit. */
static void t6_another_name_is_another_unit(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	struct frame_header header;
	struct unit_name units[3];
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 3);
	assert_int_equal(frame_header_decode(frame.at, &header, &round.script->error), 0);
	assert_int_equal(
		frame_table_decode(&header, frame.at, units, &round.script->error), 0);
	units[1].sha.bytes[0] ^= 1;
	struct buffer other AUTO(buffer_fini) = {0};
	frame_head_encode(&other, &header, units);
	buffer_put(&other, frame.at + frame_table_end(&header), header.stored_len);
	says_frame(round.script, &other);
	says_frames_end(round.script);
	assert_int_equal(run(&round), ERR_DAMAGED);
	assert_string_equal(round.script->error.text,
			    "`b`: the daemon did not send its bytes");
}

/* A name whose SHA-256 is not that of its bytes: only looking closer finds it. */
static void t6_verify_computes_the_sha256(void **state)
{
	for (int verify = 0; verify < 2; verify++) {
		void *fresh = NULL;
		(void)script_setup(&fresh);
		struct round round AUTO(round_fini);
		round_init(&round, fresh);
		round.verify = verify;
		struct frame_header header;
		struct unit_name units[3];
		struct buffer frame AUTO(buffer_fini) = {0};
		put_frame(&frame, texts, 3);
		assert_int_equal(
			frame_header_decode(frame.at, &header, &round.script->error), 0);
		assert_int_equal(frame_table_decode(&header, frame.at, units,
						    &round.script->error),
				 0);
		units[2].sha.bytes[0] ^= 1;
		want_fini(&round.want);
		round.table.units[3].name = round.table.units[5].name = units[2];
		want_init(&round.want, &round.table, 0, 6, 6);
		for (uint32_t i = 0; i < 6; i++)
			want_add(&round.want, i);
		struct buffer other AUTO(buffer_fini) = {0};
		frame_head_encode(&other, &header, units);
		buffer_put(&other, frame.at + frame_table_end(&header),
			   header.stored_len);
		says_frame(round.script, &other);
		says_frames_end(round.script);
		assert_int_equal(run(&round), verify ? ERR_DAMAGED : 0);
		if (verify)
			assert_string_equal(
				round.script->error.text,
				"`d`: the SHA-256 of its bytes does not match");
		(void)script_teardown(&fresh);
	}
	(void)state;
}

/* The latest ERROR that was sent to the daemon. */
static struct msg_error told(struct round *round, struct message_memory *memory)
{
	struct link far = {0};
	link_init(&far, transport_of_socket(dup(round->script->far)), -1, "the client");
	link_greeted(&far);
	struct link_message none = {0};
	struct msg_error error = {0};
	assert_true(link_receive(&far, &none, 0, &round->script->error) < 0);
	assert_true(link_last_error(&far, memory, &error));
	link_fini(&far);
	return error;
}

/* The daemon can then look for itself. Frames of one round are numbered from 1. */
static void w8_the_daemon_is_told_which_frame_is_damaged(void **state)
{
	for (uint64_t bad = 1; bad <= 3; bad++) {
		void *fresh = NULL;
		(void)script_setup(&fresh);
		struct round round AUTO(round_fini);
		round_init(&round, fresh);
		for (uint32_t i = 0; i < 3; i++) {
			struct buffer frame AUTO(buffer_fini) = {0};
			put_frame(&frame, texts + i, 1);
			frame.at[frame.len - 1] ^= i + 1 == bad;
			says_frame(round.script, &frame);
		}
		says_frames_end(round.script);
		assert_int_equal(run(&round), ERR_DAMAGED);
		struct message_memory memory AUTO(message_memory_fini) = {0};
		struct msg_error error = told(&round, &memory);
		assert_int_equal(error.code, error_to_wire(ERR_DAMAGED));
		assert_int_equal(error.frame, bad);
		(void)script_teardown(&fresh);
	}
	(void)state;
}

static void t6_what_was_not_sent_is_missed(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 2);
	says_frame(round.script, &frame);
	says_frames_end(round.script);
	assert_int_equal(run(&round), ERR_DAMAGED);
	assert_string_equal(round.script->error.text,
			    "`d`: the daemon did not send its bytes");
}

static void a_failing_sink_ends_the_download(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	round.basket.fail_with = ERR_NO_ROOM;
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 3);
	for (int i = 0; i < 100; i++)
		says_frame(round.script, &frame);
	says_frames_end(round.script);
	assert_int_equal(run(&round), ERR_NO_ROOM);
	assert_string_equal(round.script->error.text, "`x`: no room");
}

static void a_lost_connection_ends_the_download(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	struct buffer frame AUTO(buffer_fini) = {0};
	put_frame(&frame, texts, 1);
	says_frame(round.script, &frame);
	assert_int_equal(shutdown(round.script->far, SHUT_WR), 0);
	assert_int_equal(run(&round), ERR_LOST);
}

static void other_messages_are_refused(void **state)
{
	struct round round AUTO(round_fini);
	round_init(&round, *state);
	struct msg_rows_end end = {0};
	script_says_control(round.script, MSG_ROWS_END, &end);
	assert_int_equal(run(&round), ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRIPT_TEST(want_asks_for_first_mentions_only),
		SCRIPT_TEST(each_place_of_a_unit_gets_it),
		SCRIPT_TEST(t6_a_frame_sent_twice_is_used_once),
		cmocka_unit_test(t6_a_flipped_bit_names_the_file),
		SCRIPT_TEST(t6_another_name_is_another_unit),
		cmocka_unit_test(t6_verify_computes_the_sha256),
		SCRIPT_TEST(w8_the_daemon_is_told_which_frame_is_damaged),
		SCRIPT_TEST(t6_what_was_not_sent_is_missed),
		SCRIPT_TEST(a_failing_sink_ends_the_download),
		SCRIPT_TEST(a_lost_connection_ends_the_download),
		SCRIPT_TEST(other_messages_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
