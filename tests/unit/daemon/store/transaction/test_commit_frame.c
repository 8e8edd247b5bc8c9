/* What a commit frame says, and what a reader passes over (FORMAT.md §3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/cleanup.h"

static const struct stamp_mark mark = {.store = 0x1122334455667788, .commits = 5000};

/* The bytes as FORMAT.md has them. */
static const uint8_t golden[] = {
	1,                                                    /* version */
	1, 8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* the store */
	2, 8, 0x88, 0x13, 0,    0,    0,    0,    0,    0,    /* the last commit */
};

static int decode(const struct buffer *bytes, struct stamp_mark *ret_mark)
{
	struct error error;
	return commit_frame_decode(bytes->at, bytes->len, ret_mark, &error);
}

static void encodes_as_the_format_says(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, NULL);
	assert_int_equal(out.len, sizeof(golden));
	assert_memory_equal(out.at, golden, sizeof(golden));
	struct stamp_mark read = {0};
	assert_int_equal(decode(&out, &read), 0);
	assert_int_equal(read.store, mark.store);
	assert_int_equal(read.commits, mark.commits);
}

/* Of a later version of the same format: long ones, empty ones, large numbers. */
static void fields_that_are_not_known_are_passed_over(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, NULL);
	static const uint8_t row[3000];
	const uint64_t fields[] = {3, 100, 1u << 20};
	const size_t lens[] = {sizeof(row), 0, 1};
	for (size_t i = 0; i < 3; i++) {
		buffer_put_varint(&out, fields[i]);
		buffer_put_varint(&out, lens[i]);
		buffer_put(&out, row, lens[i]);
		struct stamp_mark read = {0};
		assert_int_equal(decode(&out, &read), 0);
		assert_int_equal(read.store, mark.store);
		assert_int_equal(read.commits, mark.commits);
	}
}

static void refuse(const uint8_t *bytes, size_t len, int code)
{
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put(&out, bytes, len);
	struct stamp_mark read = {.commits = 7};
	assert_int_equal(decode(&out, &read), code);
	assert_int_equal(read.commits, 7);
}

static void what_is_no_commit_frame_is_refused(void **state)
{
	(void)state;
	refuse((const uint8_t[]){2}, 1, ERR_VERSION);
	refuse((const uint8_t[]){0}, 1, ERR_DAMAGED);
	/* Cut within a field; a number of 7 bytes; twice, and in the wrong order. */
	for (size_t len = 2; len < sizeof(golden); len++)
		if (len != 11)
			refuse(golden, len, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 2, 7, 0, 0, 0, 0, 0, 0, 0}, 10, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 3, 0, 3, 0}, 5, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 4, 0, 3, 0}, 5, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 0, 0}, 3, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				 0xff, 1},
	       12, ERR_DAMAGED);
}

/* ---- L13: the layer ---------------------------------------------------------------- */

#define TEXT(literal)                                                                    \
	{                                                                                \
		(literal), sizeof(literal) - 1                                           \
	}

static struct text needs[] = {TEXT("build"), TEXT("lint")};
static const struct execution_facts others[] = {
	{.id = 5,
	 .origin = 3,
	 .run_heard = 2,
	 .run = TEXT("1"),
	 .job = TEXT("build"),
	 .shard = TEXT("a"),
	 .attempt = TEXT("1"),
	 .attached = TEXT("\x01\x02")},
	{.id = 6,
	 .run_heard = 6,
	 .run = TEXT("2"),
	 .job = TEXT("test"),
	 .attempt = TEXT("1"),
	 .has_needs = true},
};

/* One of which everything is said. */
static struct layer_facts example(void)
{
	struct layer_facts layer = {
		.id = 300,
		.name = {1, 2, 3, 4, 5, 6, 7, 8},
		.sequence = 2,
		.key = {9, 9, 9},
		.digest = {.bytes = {7}},
		.content = {.bytes = {8}},
		.totals = {.files = 60000,
			   .directories = 3,
			   .symlinks = 1,
			   .bytes = 123456,
			   .units = 60000},
		.new_bytes = 1000,
		.stored_bytes = 500,
		.created_ms = 1700000000000,
		.root = {.segment = {.bytes = {0xaa}}, .offset = 4096},
		.placement = {.segment = {.bytes = {0xbb}}, .offset = 2048},
		.bases = TEXT("\x05\x01"),
		.inherited = TEXT("\x04"),
		.workflow = {.id = 11,
			     .namespace_id = 2,
			     .tier = TIER_UNTRUSTED,
			     .namespace = TEXT("acme/app"),
			     .name = TEXT("w-11"),
			     .created_ms = 1690000000000,
			     .namespace_created_ms = 1680000000000},
		.parent = {.id = 10,
			   .namespace_id = 1,
			   .namespace = TEXT("acme/app"),
			   .name = TEXT("w-10")},
		.execution = {.id = 7,
			      .run_heard = 2,
			      .run = TEXT("1"),
			      .job = TEXT("link"),
			      .attempt = TEXT("1"),
			      .execution = TEXT("runner-3"),
			      .has_needs = true,
			      .needs = {needs, 2},
			      .attached = TEXT("\x05\x01\x09")},
		.others = others,
		.other_count = 2,
	};
	return layer;
}

static int decode_layer(const struct buffer *bytes, struct layer_facts *ret_layer)
{
	struct error error;
	struct stamp_mark read;
	return commit_frame_decode_layer(bytes->at, bytes->len, &read, ret_layer, &error);
}

static void l13_what_is_said_of_a_layer_is_read_again(void **state)
{
	(void)state;
	const struct layer_facts layer = example();
	struct buffer out AUTO(buffer_fini) = {0};
	struct buffer again AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, &layer);
	struct layer_facts read AUTO(layer_facts_fini) = {0};
	assert_int_equal(decode_layer(&out, &read), 1);
	assert_int_equal(read.id, 300);
	assert_int_equal(read.sequence, 2);
	assert_true(text_is(read.workflow.namespace, "acme/app"));
	assert_int_equal(read.workflow.tier, TIER_UNTRUSTED);
	assert_true(text_is(read.parent.name, "w-10"));
	assert_true(text_is(read.execution.needs.items[1], "lint"));
	assert_int_equal(read.other_count, 2);
	assert_int_equal(read.others[0].origin, 3);
	assert_true(text_is(read.others[1].job, "test"));
	/* All of it: the same facts give the same bytes. */
	commit_frame_encode(&again, &mark, &read);
	assert_int_equal(out.len, again.len);
	assert_memory_equal(out.at, again.at, out.len);
	assert_true(out.len < 512);
}

static void l13_a_frame_without_a_layer_says_so(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, NULL);
	struct layer_facts read AUTO(layer_facts_fini) = {0};
	assert_int_equal(decode_layer(&out, &read), 0);
}

/* Never more than was written, whatever the bytes say; and never a crash. */
static void l13_no_damage_is_believed_to_be_more_than_a_layer(void **state)
{
	(void)state;
	const struct layer_facts layer = example();
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, &layer);
	for (size_t bit = 0; bit < 8 * out.len; bit++) {
		out.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		struct layer_facts read AUTO(layer_facts_fini) = {0};
		int result = decode_layer(&out, &read);
		assert_true(result == 1 || result == 0 || result == ERR_DAMAGED ||
			    result == ERR_VERSION);
		assert_true(result != 1 || (read.id > 0 && read.workflow.id > 0 &&
					    read.workflow.name.len > 0));
		out.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < out.len; len++) {
		struct buffer cut = {.at = out.at, .len = len};
		struct layer_facts read AUTO(layer_facts_fini) = {0};
		(void)decode_layer(&cut, &read);
	}
}

#define MANY 2000u

/* Both sides of what fits: a frame tells of as many as it can, and how many there are;
 * where it begins decides which. */
static void l13_what_does_not_fit_is_counted(void **state)
{
	(void)state;
	struct execution_facts *many AUTO_FREE = must_calloc(MANY, sizeof(*many));
	for (size_t i = 0; i < MANY; i++) {
		many[i] = others[0];
		many[i].id = (int64_t)i + 4;
	}
	struct layer_facts layer = example();
	layer.others = many;
	size_t fits = 0;
	for (size_t count = 1; count <= MANY; count *= 2) {
		layer.other_count = count;
		layer.others_from = count - 1;
		struct buffer out AUTO(buffer_fini) = {0};
		commit_frame_encode(&out, &mark, &layer);
		struct layer_facts read AUTO(layer_facts_fini) = {0};
		assert_int_equal(decode_layer(&out, &read), 1);
		assert_int_equal(read.others_in_all, count);
		assert_int_equal(read.others[0].id, count + 3);
		assert_true(read.other_count == count ||
			    out.len > COMMIT_FRAME_OTHERS_LEN);
		assert_true(out.len <= COMMIT_FRAME_LEN_MAX);
		fits = read.other_count;
	}
	assert_true(fits > 200 && fits < MANY);
}

/* The longest set that there is, of half a million layers, leaves the frame its limit. */
static void l13_a_frame_keeps_its_limit(void **state)
{
	(void)state;
	size_t len = 1024u * 1024u;
	char *set AUTO_FREE = must_alloc(len);
	memset(set, 1, len);
	struct layer_facts layer = example();
	layer.bases = layer.inherited = (struct text){set, len};
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark, &layer);
	assert_true(out.len <= COMMIT_FRAME_LEN_MAX);
	struct layer_facts read AUTO(layer_facts_fini) = {0};
	assert_int_equal(decode_layer(&out, &read), 1);
	assert_int_equal(read.bases.len, 0);
	assert_int_equal(read.other_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_as_the_format_says),
		cmocka_unit_test(fields_that_are_not_known_are_passed_over),
		cmocka_unit_test(what_is_no_commit_frame_is_refused),
		cmocka_unit_test(l13_what_is_said_of_a_layer_is_read_again),
		cmocka_unit_test(l13_a_frame_without_a_layer_says_so),
		cmocka_unit_test(l13_no_damage_is_believed_to_be_more_than_a_layer),
		cmocka_unit_test(l13_what_does_not_fit_is_counted),
		cmocka_unit_test(l13_a_frame_keeps_its_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
