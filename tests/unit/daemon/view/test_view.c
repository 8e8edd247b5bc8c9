/* Which layers an attach sees and in which order: rules W4, W5, W6, W9, R1, R2 as tables
 * of small workflows. story.h has the language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/history/names.h"
#include "tests/harness/story.h"

struct row_of_table {
	const char *story, *question, *answer;
};

static void check(const struct row_of_table *rows, size_t count)
{
	static struct story story;
	for (size_t i = 0; i < count; i++) {
		story_tell(&story, rows[i].story);
		char *answer AUTO_FREE = story_answer(&story, rows[i].question);
		if (strcmp(answer, rows[i].answer) != 0)
			print_error("%s\n  %s\n", rows[i].story, rows[i].question);
		assert_string_equal(answer, rows[i].answer);
	}
}

#define CHECK(...)                                                                       \
	do {                                                                             \
		static const struct row_of_table rows[] = {__VA_ARGS__};                 \
		check(rows, sizeof(rows) / sizeof(*rows));                               \
	} while (0)

/* ---- W3, W4: replacing ---- */

static void w3_all_layers_of_an_execution_are_visible_in_their_order(void **state)
{
	(void)state;
	CHECK({"a makes A1; b makes B; a makes A2", "c asks", "A1 A2<A1 B"});
}

static void w4_a_later_attempt_replaces_all_layers_of_an_earlier_one(void **state)
{
	(void)state;
	CHECK({"a makes A1; a makes A2; a!2 makes A3", "c asks", "A3"},
	      {"a makes A1; a makes A2; a!2 makes A3", "states",
	       "A1=replaced(A3) A2=replaced(A3) A3=visible"},
	      /* by the number, not by the text nor by when it was heard of */
	      {"a!10 makes A10; a!9 makes A9", "c asks", "A10"},
	      {"a!007 makes A7; a!6 makes A6", "c asks", "A7"},
	      {"a!99999999999999999999999 makes X; a!9 makes Y", "c asks", "X"},
	      /* not heard of through a layer, but it started before */
	      {"a!x starts; a!y starts; a!y makes Y; a!x makes X", "c asks", "Y"},
	      /* one that is no number, and none of them counts as one */
	      {"a!10 makes A10; a!9 makes A9; a!x starts", "c asks", "A9"},
	      /* an attempt without a layer replaces nothing */
	      {"a makes A1; a!2 starts; a!2 needs x", "c asks", "A1"});
}

static void w4_a_later_run_replaces_whatever_the_attempt(void **state)
{
	(void)state;
	CHECK({"a!7 makes A1; a@2!1 makes A2", "log asks", "A2"},
	      {"a@10 makes A10; a@9 makes A9", "log asks", "A10"},
	      {"a@first makes A; a@second makes B", "log asks", "B"},
	      {"b@y starts; a@x makes X; a@y makes Y", "log asks", "X"});
}

static void w4_a_layer_that_commits_late_stays_out(void **state)
{
	(void)state;
	CHECK({"a starts; a!2 makes A2; a makes A1", "c asks", "A2"},
	      {"a makes A0; a!2 makes A2; a makes A1", "states",
	       "A0=replaced(A2) A2=visible A1=late(A2)"},
	      /* the first that replaced it is the reason, and makes the next one late */
	      {"a makes A; a!3 makes C; a!2 makes B; a!4 makes D", "states",
	       "A=replaced(C) C=replaced(D) B=late(C) D=visible"});
}

static void w4_shards_replace_only_their_own_slice(void **state)
{
	(void)state;
	CHECK({"t#1/2 makes T1; t#2/2 makes T2; t#1/2!2 makes T3", "c asks", "T3 T2"},
	      {"t#linux makes L; t#mac makes M; t#linux!2 makes L2", "c asks", "L2 M"},
	      {"t makes T; t#1/2 makes T1; t#x makes X", "c asks", "T T1 X"},
	      {"t#01/02 makes T1; t#1/2!2 makes T2", "c asks", "T2"});
}

static void w4_other_numbers_of_shards_replace_all_earlier_ones(void **state)
{
	(void)state;
	CHECK({"t#1/2 makes A; t#2/2 makes B; t#1/3!2 makes C", "c asks", "C"},
	      {"t#1/2 makes A; t#2/2 makes B; t#1/3@2 makes C; t#3/3@2 makes D",
	       "log asks", "C D"},
	      {"t#1/3!2 makes C; t#1/2 makes A", "states", "C=visible A=late(C)"},
	      /* labels and other jobs are not concerned; nor is an equal attempt */
	      {"t#x makes X; u#1/2 makes U; t#1/3!2 makes C", "c asks", "C X U"},
	      {"t#1/2 makes A; t#1/3 makes B", "c asks", "A B"},
	      /* attempts that are numbers of jobs, one per shard */
	      {"t#1/2!101 makes A; t#2/2!102 makes B; t#2/2!103 makes C", "c asks",
	       "A C"},
	      {"t#1/2!101 makes A; t#2/2!102 makes B; t#1/1!99 makes C", "c asks",
	       "A B"});
}

static void w4_matrix_legs_are_shards(void **state)
{
	(void)state;
	CHECK({"b#gcc makes G; b#clang makes C; b#gcc!2 makes G2; d sees C G2; d makes D",
	       "e asks", "C G2 D<C,G2"});
}

/* ---- W5: selection ---- */

static void w5_runs_after_the_own_one_are_not_there(void **state)
{
	(void)state;
	const char *story = "a@1 makes A1; a@2 makes A2; b@2 makes B2; b@3 makes B3";
	const struct row_of_table rows[] = {
		{story, "c@1 asks", "A1"},
		{story, "c@2 asks", "A2 B2"},
		{story, "c@3 asks", "A2 B3"},
		{story, "c@4 asks", "A2 B3"},
		{story, "c@1 asks needs a b", "A1 unknown b"},
		{story, "log asks", "A2 B3"},
		/* a run that was never heard of comes last, unless it is a number */
		{story, "c@x asks", "A2 B3"},
		{"a@x makes X; a@y makes Y", "c@x asks", "X"},
		{"a@x makes X; a@y makes Y", "c@2 asks", "Y"},
		{"~a@5 makes A5; b@1 makes B", "c@1 asks", "A5 B"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void w5_without_needs_every_visible_layer(void **state)
{
	(void)state;
	CHECK({"b makes B; a makes A", "c asks", "A B"},
	      {"b makes B; a makes A", "anyone asks", "A B"}, {"c starts", "c asks", ""});
}

static void w5_needs_select_the_jobs_and_their_upstream(void **state)
{
	(void)state;
	CHECK(/* through needs */
	      {"a makes A; b needs a; b makes B; x makes X", "c asks needs b", "A B<A"},
	      /* given and empty */
	      {"a makes A", "c asks needs", ""},
	      {"a makes A; b needs; b sees A; b makes B", "c asks needs b", "B"},
	      /* through what was attached, where none were given */
	      {"a makes A; b sees A; b makes B; x makes X", "c asks needs b", "A B<A"},
	      /* not through what was attached, where they were given */
	      {"a makes A; x makes X; b needs a; b sees A X; b makes B", "c asks needs b",
	       "A B<A"},
	      /* through two steps */
	      {"a makes A; b needs a; b makes B; c needs b; c makes C", "d asks needs c",
	       "A B<A C<B"});
}

static void w5_upstream_leads_through_jobs_that_persisted_nothing(void **state)
{
	(void)state;
	CHECK({"a makes A; gate needs a; c needs gate; c makes C", "d asks needs c",
	       "A C<A"},
	      {"a makes A; gate sees A; c needs gate; c makes C", "d asks needs c",
	       "A C<A"},
	      {"a makes A; gate needs a", "d asks needs gate", "A"},
	      {"a makes A; gate starts; b makes B", "d asks needs gate", ""});
}

static void w5_upstream_is_that_of_the_latest_execution(void **state)
{
	(void)state;
	CHECK({"a makes A; x makes X; b needs a; b!2 needs x; b!2 makes B",
	       "c asks needs b", "X B<X"},
	      {"a makes A; x makes X; b sees A; b makes B; b!2 sees X", "c asks needs b",
	       "B X"},
	      /* of each shard; not of one that has not said or seen anything yet */
	      {"a makes A; x makes X; b#1/2 sees A; b#2/2 sees X; b#1/2 makes B",
	       "c asks needs b", "A B<A X"},
	      {"a makes A; b sees A; b makes B; b!2 starts", "c asks needs b", "A B<A"},
	      /* not of an earlier number of shards, nor of a later run */
	      {"a makes A; x makes X; b#1/2 sees A; b#1/3!2 sees X", "c asks needs b",
	       "X"},
	      {"a makes A; x makes X; b needs a; b@2 needs x", "c@1 asks needs b", "A"});
}

static void w5_unknown_needs_are_listed(void **state)
{
	(void)state;
	CHECK({"a makes A; q starts", "c asks needs a q z y", "A unknown z unknown y"},
	      /* who only made a shadow was never here */
	      {"~q recalls Q; ~a sees Q; ~a makes A", "c asks needs a q", "A unknown q"},
	      {"~q recalls Q; ~a sees Q; ~a makes A; ~q!2 starts", "c asks needs a q",
	       "A"});
}

static void w5_needs_in_a_circle_end(void **state)
{
	(void)state;
	CHECK({"a needs b; a makes A; b needs a; b makes B", "c asks needs b", "A B<A"},
	      {"a needs b; b needs c; c needs a; a makes A; b makes B; c makes C",
	       "d asks needs a", "B A<B C<A"},
	      {"a needs a; a makes A", "c asks needs a", "A"});
}

static void w5_the_own_job_is_not_seen_but_for_the_own_execution(void **state)
{
	(void)state;
	CHECK({"c makes C1; a makes A", "c!2 asks", "A"},
	      {"c makes C1; a makes A", "c asks", "A C1"},
	      {"t#1/2 makes T1; t#2/2 makes T2; a makes A", "t#2/2 asks", "A T2"},
	      {"t#1/2 makes T1; a makes A", "anyone asks", "A T1"},
	      /* also where needs do not name it; not where from leaves it out */
	      {"a makes A; c makes C", "c asks needs a", "A C"},
	      {"a makes A; c makes C", "c asks from a", "A"},
	      {"c makes C1; t#1/2 makes T", "t#2/2 asks from t", ""},
	      {"c makes C1; c@2 makes C2; a makes A", "c@1 asks", "A C1"});
}

static void w5_what_comes_after_the_own_job_is_not_seen(void **state)
{
	(void)state;
	CHECK({"a makes A; c sees A; c makes C; d sees A C; d makes D; e sees D; e makes "
	       "E",
	       "c!2 asks", "A"},
	      {"a makes A; c makes C; d needs c; d makes D", "c!2 asks", "A"},
	      /* the own execution's layers are reasons too, but stay themselves */
	      {"c makes C1; d sees C1; d makes D; c makes C2", "c asks", "C1 C2<C1"},
	      /* another shard's */
	      {"t#1/2 makes T1; d sees T1; d makes D; a makes A", "t#2/2 asks", "A"},
	      /* also after a layer of the own job that was replaced since */
	      {"c makes C=x; d sees C; d makes D; c!2 makes C2=y", "c!2 asks keep", "C2"},
	      {"c makes C; d makes D", "anyone asks", "C D"});
}

static void w5_from_narrows_to_any_job(void **state)
{
	(void)state;
	const char *story = "a makes A; b sees A; b makes B; x makes X";
	const struct row_of_table rows[] = {
		{story, "c asks from b", "B"},
		{story, "c asks from b a", "A B<A"},
		{story, "c asks needs b from x", "X"},
		{story, "c asks needs b from nobody", ""},
		/* ordered through a layer that is not there */
		{"a makes A; b sees A; b makes B; c sees B; c makes C", "d asks from a c",
		 "A C<A"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void w5_one_layer_by_its_id_whatever_its_state(void **state)
{
	(void)state;
	static struct story story;
	story_tell(&story, "a makes A1; a!2 makes A2");
	struct view_request request = {.run = "1", .execution = VIEW_NONE, .layer = 0};
	struct view view AUTO(view_fini) = {0};
	struct error error = {0};
	assert_int_equal(view_make(&story.history, &request, &view, &error), 0);
	assert_int_equal(view.layer_count, 1);
	assert_int_equal(view.layers[0].layer, 0);
	assert_int_equal(view.states[0], LAYER_REPLACED);
}

/* ---- W6: order ---- */

static void w6_diamonds_and_fans(void **state)
{
	(void)state;
	CHECK({"a makes A; b sees A; b makes B; c sees A; c makes C; d sees A B C; d "
	       "makes D",
	       "e asks", "A B<A C<A D<B,C"},
	      {"a makes A; b makes B; c makes C; d sees A B C; d makes D", "e asks",
	       "A B C D<A,B,C"},
	      {"a makes A; b needs a; c needs a; b makes B; c makes C; d needs b c; d "
	       "makes D",
	       "e asks", "A B<A C<A D<B,C"});
}

static void w6_an_attach_counts_for_what_is_persisted_after_it(void **state)
{
	(void)state;
	CHECK({"a makes A; b makes B1; b sees A; b makes B2", "e asks", "A B1 B2<A,B1"});
}

static void w6_declared_needs_order(void **state)
{
	(void)state;
	CHECK({"z makes Z; a needs z; a makes A", "e asks", "Z A<Z"},
	      /* whenever it committed */
	      {"a needs z; a makes A; z makes Z", "e asks", "Z A<Z"},
	      /* through a job without layers */
	      {"z makes Z; gate needs z; a needs gate; a makes A", "e asks", "Z A<Z"},
	      {"z makes Z; gate sees Z; a needs gate; a makes A", "e asks", "Z A<Z"},
	      /* not through needs of a job that has layers and did not see it */
	      {"z makes Z; y makes Y; y needs q; a needs y; a makes A", "e asks",
	       "Y A<Y Z"});
}

static void w6_what_was_observed_beats_what_was_declared(void **state)
{
	(void)state;
	CHECK(/* it saw one shard and not the other */
	      {"z#1/2 makes Z1; a needs z; a sees Z1; z#2/2 makes Z2; a makes A",
	       "e asks", "Z1 A<Z1 Z2"},
	      /* it saw z after it had persisted: what it declared holds */
	      {"z makes Z; a needs z; a makes A; a sees Z", "e asks", "Z A<Z"},
	      /* it saw another job */
	      {"z makes Z; y makes Y; a needs z y; a sees Y; a makes A", "e asks",
	       "Y Z A<Y,Z"});
}

static void w6_cycles_of_declared_needs_are_cut(void **state)
{
	(void)state;
	CHECK({"a needs b; a makes A; b needs a; b makes B", "e asks", "A B<A"},
	      {"b needs a; b makes B; a needs b; a makes A", "e asks", "B A<B"},
	      {"a needs b; a makes A; b sees A; b makes B", "e asks", "A B<A"},
	      {"a needs c; b needs a; c needs b; c makes C; b makes B; a makes A",
	       "e asks", "B C<B A<C"});
}

static void w6_is_transitive_also_through_what_is_not_selected(void **state)
{
	(void)state;
	CHECK({"z makes Z; y sees Z; y makes Y; a sees Y; a makes A", "e asks from z a",
	       "Z A<Z"},
	      {"z makes Z; y needs z; y makes Y; a needs y; a makes A", "e asks from z a",
	       "Z A<Z"});
}

static void w6_concurrent_layers_are_listed_by_needs_job_shard_sequence(void **state)
{
	(void)state;
	CHECK({"c makes C; b makes B; a makes A", "e asks needs b c a", "B C A"},
	      {"c makes C; b makes B; a makes A; d needs c a; d makes D",
	       "e asks needs d b", "B A C D<A,C"},
	      {"t#10/12 makes T10; t#2/12 makes T2; t#x makes X; t#b makes B", "e asks",
	       "T2 T10 B X"},
	      {"a makes A2; z makes Z; a makes A1", "e asks", "A2 A1<A2 Z"},
	      /* the order of needs does not override what comes after what */
	      {"a makes A; b sees A; b makes B", "e asks needs b a", "A B<A"});
}

/* ---- W9: stale ---- */

static void w9_what_was_built_on_a_replaced_layer_leaves_with_it(void **state)
{
	(void)state;
	const char *story = "a makes A1; c sees A1; c makes C; a!2 makes A2; x makes X";
	const struct row_of_table rows[] = {
		{story, "d asks", "A2 X stale C(A1)"},
		{story, "states", "A1=replaced(A2) C=stale(A1) A2=visible X=visible"},
		/* declared alone is no base */
		{"a makes A1; c needs a; c makes C; a!2 makes A2", "d asks", "A2 C<A2"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void w9_is_transitive(void **state)
{
	(void)state;
	CHECK({"a makes A1; b sees A1; b makes B; c sees B; c makes C; d sees C; d makes "
	       "D;"
	       "a!2 makes A2",
	       "e asks", "A2 stale B(A1) stale C(A1) stale D(A1)"},
	      /* the other branch stays */
	      {"a makes A1; z makes Z; b sees A1; b makes B; c sees Z; c makes C; a!2 "
	       "makes A2",
	       "e asks", "A2 Z C<Z stale B(A1)"});
}

static void w9_a_base_made_again_with_equal_content_is_no_reason(void **state)
{
	(void)state;
	CHECK({"a makes A1=x; c sees A1; c makes C; a!2 makes A2=x", "d asks", "A2 C<A2"},
	      {"a makes A1=x; c sees A1; c makes C; a!2 makes A2=y", "d asks",
	       "A2 stale C(A1)"},
	      {"a makes A1=x; c sees A1; c makes C; a!2 makes A2=y; a!3 makes A3=x",
	       "d asks", "A3 C<A3"},
	      /* one of two layers is different */
	      {"a makes A1=x; a makes A2=y; c sees A1 A2; c makes C; a!2 makes A3=x;"
	       "a!2 makes A4=z",
	       "d asks", "A3 A4<A3 stale C(A2)"},
	      /* equal content of another slice or another job is not the base made again
	       */
	      {"t#1/2 makes A=x; t#2/2 makes B=x; c sees A; c makes C; t#1/2!2 makes "
	       "A2=y",
	       "d asks", "A2 B stale C(A)"},
	      {"a makes A=x; b makes B=x; c sees A; c makes C; a!2 makes A2=y", "d asks",
	       "A2 B stale C(A)"},
	      /* that of another number of shards is */
	      {"t#1/2 makes A=x; c sees A; c makes C; t#1/1!2 makes A2=x", "d asks",
	       "A2 C<A2"});
}

static void w9_an_equal_layer_that_is_stale_itself_does_not_help(void **state)
{
	(void)state;
	CHECK({"z makes Z1; b sees Z1; b makes B1=x; c sees B1; c makes C; b!2 sees Z1;"
	       "b!2 makes B2=x; z!2 makes Z2",
	       "e asks", "Z2 stale C(Z1) stale B2(Z1)"},
	      /* but one made on the new base does, whatever the old one stood on */
	      {"z makes Z1; b sees Z1; b makes B1=x; c sees B1; c makes C; z!2 makes Z2;"
	       "b!2 sees Z2; b!2 makes B2=x",
	       "e asks", "Z2 B2<Z2 C<B2"});
}

static void w9_naming_a_stale_job_is_an_error(void **state)
{
	(void)state;
	const char *story = "a makes A1; c sees A1; c makes C; a!2 makes A2";
	const char *sentence = "error: `c` is stale: it was built on `a`, which "
			       "`a (attempt 2)` replaced with different content; run `c` "
			       "again [stale-too]";
	const struct row_of_table rows[] = {
		{story, "d asks needs c", sentence},
		{story, "d asks from c", sentence},
		{story, "d asks needs c from a", "A2"},
		{story, "d asks needs a", "A2"},
		{story, "c!2 asks needs c a", "A2"},
		/* upstream of what is named: a warning */
		{"a makes A1; c sees A1; c makes C; e needs c; e makes E; a!2 makes A2",
		 "d asks needs e", "E A2 stale C(A1)"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void w9_keep_brings_them_back_concurrent(void **state)
{
	(void)state;
	CHECK({"a makes A1; c sees A1; c makes C; d sees A1 C; d makes D; a!2 makes A2",
	       "e asks keep", "A2 C D<C"},
	      /* what was declared does not order what has observed */
	      {"a makes A1; c needs a; c sees A1; c makes C; a!2 makes A2", "e asks keep",
	       "A2 C"},
	      {"a makes A1; c needs a; c sees A1; c makes C; a!2 makes A2",
	       "e asks needs c keep", "C A2"});
}

static void w9_a_late_layer_is_a_replaced_base(void **state)
{
	(void)state;
	CHECK({"a starts; a!2 makes A2; a makes A1; c sees A1; c makes C", "d asks",
	       "A2 stale C(A1)"});
}

static void w9_only_what_would_be_seen_is_reported(void **state)
{
	(void)state;
	CHECK({"a makes A1; c sees A1; c makes C; b makes B; a!2 makes A2",
	       "d asks needs b", "B"},
	      {"a makes A1; c sees A1; c makes C; a!2 makes A2", "c!2 asks", "A2"},
	      {"a makes A1; c sees A1; c makes C; a!2 makes A2", "c@0 asks", ""});
}

/* ---- R1, R2: retries ---- */

static void r2_a_job_of_the_retry_replaces_what_was_inherited(void **state)
{
	(void)state;
	CHECK({"~a@3!9 makes A; ~b makes B; a makes A2", "c asks", "A2 B"},
	      {"~t#1/2 makes T1; ~t#2/2 makes T2; t#2/2 makes T3", "c asks", "T1 T3"},
	      {"~t#1/2 makes T1; ~t#2/2 makes T2; t#2/3 makes T3", "c asks", "T3"},
	      {"~a makes A; a starts", "c asks", "A"});
}

static void r1_inherited_layers_keep_their_order(void **state)
{
	(void)state;
	CHECK({"~z makes Z; ~a sees Z; ~a makes A; b sees A; b makes B", "c asks",
	       "Z A<Z B<A"},
	      {"~z makes Z; ~a needs z; ~a makes A", "c asks", "Z A<Z"},
	      /* the needs of a retry that went ahead in the first run reach upstream */
	      {"~z makes Z; ~a needs z; ~a makes A", "c asks needs a", "Z A<Z"});
}

static void r1_what_was_inherited_goes_stale_with_its_base(void **state)
{
	(void)state;
	CHECK({"~a makes A; ~c sees A; ~c makes C; a makes A2=y", "d asks",
	       "A2 stale C(A)"},
	      {"~a makes A=x; ~c sees A; ~c makes C; a makes A2=x", "d asks", "A2 C<A2"},
	      {"~a makes A; ~c sees A; ~c makes C; a makes A2=y", "d asks needs c",
	       "error: `c` is stale: it was built on the inherited `a`, which `a` "
	       "replaced "
	       "with different content; run `c` again [stale-too]"});
}

static void r1_a_base_that_was_not_inherited_is_a_fact_only(void **state)
{
	(void)state;
	/* In the first workflow a ran twice with equal content; c stands on the first. */
	const char *story = "~a recalls A1=x; ~c sees A1; ~c makes C; ~a!2 makes A2=x";
	char retried[256];
	(void)snprintf(retried, sizeof(retried), "%s; a makes A3=y", story);
	const struct row_of_table rows[] = {
		{story, "d asks", "A2 C<A2"},
		{story, "states", "A1=hidden(A2) C=visible A2=visible"},
		{retried, "d asks", "A3 stale C(A1)"},
		/* a shadow replaces nothing */
		{"~a makes A; ~a!2 recalls S", "d asks", "A"},
	};
	check(rows, sizeof(rows) / sizeof(*rows));
}

static void r1_retries_of_retries(void **state)
{
	(void)state;
	CHECK(/* a from the first workflow, b and c from the second, a again in the third
	       */
	      {"~a makes A=x; ~b sees A; ~b makes B; ~c!2 sees A B; ~c!2 makes C;"
	       "a makes A3=x; d sees A3; d makes D",
	       "e asks", "A3 B<A3 C<B D<A3"},
	      {"~a makes A=x; ~b sees A; ~b makes B; ~c!2 sees A B; ~c!2 makes C; a "
	       "makes A3",
	       "e asks", "A3 stale B(A) stale C(A)"});
}

/* ---- names ---- */

static void w4_ids_compare_as_numbers_or_by_when_they_were_heard_of(void **state)
{
	(void)state;
	assert_true(id_compare("9", 2, "10", 1, true) < 0);
	assert_true(id_compare("9", 2, "10", 1, false) > 0);
	assert_true(id_compare("010", 1, "9", 2, true) > 0);
	assert_true(id_compare("2", 1, "02", 2, true) < 0);
	assert_true(id_compare("02", 1, "2", 2, true) < 0);
	assert_true(id_compare("0", 5, "00", 4, true) > 0);
	assert_true(id_compare("18446744073709551617", 1, "18446744073709551616", 2,
			       true) > 0);
	assert_int_equal(id_compare("x", 1, "x", 2, false), 0);
}

static void w4_numbered_shards_are_told_from_labels(void **state)
{
	(void)state;
	static const char *const labels[] = {
		"",     "1",    "/",     "1/",   "/2",
		"0/2",  "3/2",  "1/2/3", "a/b",  "1/2 ",
		" 1/2", "-1/2", "1/0",   "+1/2", "1/99999999999999999999"};
	uint64_t index = 7, total = 7;
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++)
		assert_false(shard_numbers(labels[i], &index, &total));
	assert_true(index == 7 && total == 7);
	assert_true(shard_numbers("03/10", &index, &total));
	assert_true(index == 3 && total == 10);
	assert_true(shard_numbers("1/18446744073709551615", &index, &total));
}

static void labels_name_what_differs_from_the_usual(void **state)
{
	(void)state;
	static const struct {
		struct history_execution execution;
		const char *label;
	} rows[] = {
		{{.run = "1", .job = "build", .shard = "", .attempt = "1"}, "build"},
		{{.run = "1", .job = "t", .shard = "3/10", .attempt = "1"}, "t 3/10"},
		{{.run = "2", .job = "t", .shard = "x", .attempt = "3"},
		 "t x (run 2, attempt 3)"},
		{{.run = "2", .job = "t", .shard = "", .attempt = "1"}, "t (run 2)"},
		{{.run = "1", .job = "t", .shard = "", .attempt = "0"}, "t (attempt 0)"},
	};
	char text[64];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		execution_label(&rows[i].execution, text, sizeof(text));
		assert_string_equal(text, rows[i].label);
	}
}

static void sentences_say_why_a_layer_is_out_of_sight(void **state)
{
	(void)state;
	static struct story story;
	story_tell(&story, "a makes A; a!3 makes C; a!2 makes B; b makes V");
	struct view_request request = {.execution = VIEW_NONE, .layer = VIEW_NONE};
	struct view view AUTO(view_fini) = {0};
	struct error error = {0};
	assert_int_equal(view_make(&story.history, &request, &view, &error), 0);
	static const char late[] =
		"`a (attempt 2)` is late: `a (attempt 3)`, which replaces "
		"it, had committed before";
	static const char *const sentences[] = {"`a` was replaced by `a (attempt 3)`", "",
						late, ""};
	for (uint32_t i = 0; i < 4; i++) {
		char text[256];
		view_stale_sentence(&story.history, &view, i, text, sizeof(text));
		assert_string_equal(text, sentences[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			w3_all_layers_of_an_execution_are_visible_in_their_order),
		cmocka_unit_test(
			w4_a_later_attempt_replaces_all_layers_of_an_earlier_one),
		cmocka_unit_test(w4_a_later_run_replaces_whatever_the_attempt),
		cmocka_unit_test(w4_a_layer_that_commits_late_stays_out),
		cmocka_unit_test(w4_shards_replace_only_their_own_slice),
		cmocka_unit_test(w4_other_numbers_of_shards_replace_all_earlier_ones),
		cmocka_unit_test(w4_matrix_legs_are_shards),
		cmocka_unit_test(w5_runs_after_the_own_one_are_not_there),
		cmocka_unit_test(w5_without_needs_every_visible_layer),
		cmocka_unit_test(w5_needs_select_the_jobs_and_their_upstream),
		cmocka_unit_test(w5_upstream_leads_through_jobs_that_persisted_nothing),
		cmocka_unit_test(w5_upstream_is_that_of_the_latest_execution),
		cmocka_unit_test(w5_unknown_needs_are_listed),
		cmocka_unit_test(w5_needs_in_a_circle_end),
		cmocka_unit_test(w5_the_own_job_is_not_seen_but_for_the_own_execution),
		cmocka_unit_test(w5_what_comes_after_the_own_job_is_not_seen),
		cmocka_unit_test(w5_from_narrows_to_any_job),
		cmocka_unit_test(w5_one_layer_by_its_id_whatever_its_state),
		cmocka_unit_test(w6_diamonds_and_fans),
		cmocka_unit_test(w6_an_attach_counts_for_what_is_persisted_after_it),
		cmocka_unit_test(w6_declared_needs_order),
		cmocka_unit_test(w6_what_was_observed_beats_what_was_declared),
		cmocka_unit_test(w6_cycles_of_declared_needs_are_cut),
		cmocka_unit_test(w6_is_transitive_also_through_what_is_not_selected),
		cmocka_unit_test(
			w6_concurrent_layers_are_listed_by_needs_job_shard_sequence),
		cmocka_unit_test(w9_what_was_built_on_a_replaced_layer_leaves_with_it),
		cmocka_unit_test(w9_is_transitive),
		cmocka_unit_test(w9_a_base_made_again_with_equal_content_is_no_reason),
		cmocka_unit_test(w9_an_equal_layer_that_is_stale_itself_does_not_help),
		cmocka_unit_test(w9_naming_a_stale_job_is_an_error),
		cmocka_unit_test(w9_keep_brings_them_back_concurrent),
		cmocka_unit_test(w9_a_late_layer_is_a_replaced_base),
		cmocka_unit_test(w9_only_what_would_be_seen_is_reported),
		cmocka_unit_test(r2_a_job_of_the_retry_replaces_what_was_inherited),
		cmocka_unit_test(r1_inherited_layers_keep_their_order),
		cmocka_unit_test(r1_what_was_inherited_goes_stale_with_its_base),
		cmocka_unit_test(r1_a_base_that_was_not_inherited_is_a_fact_only),
		cmocka_unit_test(r1_retries_of_retries),
		cmocka_unit_test(w4_ids_compare_as_numbers_or_by_when_they_were_heard_of),
		cmocka_unit_test(w4_numbered_shards_are_told_from_labels),
		cmocka_unit_test(labels_name_what_differs_from_the_usual),
		cmocka_unit_test(sentences_say_why_a_layer_is_out_of_sight),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
