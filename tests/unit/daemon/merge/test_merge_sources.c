/* From a view to the sources of its merge: what has to be read, and what it knows of the
 * rest. story.h has the language of the stories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/merge/sources.h"
#include "tests/harness/story.h"

static void tell_list(FILE *out, const struct story *story,
		      const struct merge_sources *sources, const uint32_t *list,
		      size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i ? "," : "",
			story->names[sources->layers[list[i]]]);
}

/* "C(A)<A,B": C with the bases A, after A and B; shadows have ~ in front. */
static char *sources_of(const struct story *story, const char *question_text)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct question question;
	struct view view AUTO(view_fini) = {0};
	struct merge_sources sources AUTO(merge_sources_fini) = {0};
	struct error error = {0};
	question_ask(story, question_text, &question);
	assert_int_equal(view_make(&story->history, &question.request, &view, &error), 0);
	assert_int_equal(merge_sources_make(&story->history, &view, &sources, &error), 0);
	for (size_t i = 0; i < sources.count; i++) {
		const struct merge_source *source = &sources.sources[i];
		fprintf(out, "%s%s%s(", i ? " " : "", source->shadow ? "~" : "",
			story->names[sources.layers[i]]);
		tell_list(out, story, &sources, source->bases, source->base_count);
		fprintf(out, ")%s", source->before_count ? "<" : "");
		tell_list(out, story, &sources, source->before, source->before_count);
	}
	claim(fclose(out) == 0);
	return text;
}

static void check(const char *text, const char *question, const char *expected)
{
	static struct story story;
	story_tell(&story, text);
	char *sources AUTO_FREE = sources_of(&story, question);
	assert_string_equal(sources, expected);
}

static void w7_sources_know_their_bases_and_what_comes_before(void **state)
{
	(void)state;
	check("a makes A; b sees A; b makes B; c needs b; c makes C", "e asks",
	      "A() B(A)<A C()<A,B");
}

static void w7_bases_that_are_not_in_the_view_are_shadows(void **state)
{
	(void)state;
	check("a makes A; c sees A; c makes C; d makes D", "e asks from c d",
	      "C(A)<A D() ~A()");
	/* replaced by equal content */
	check("a makes A1=x; c sees A1; c makes C; a!2 makes A2=x", "e asks",
	      "A2() C(A1)<A2,A1 ~A1()");
	/* a base of a base */
	check("a makes A; b sees A; b makes B; c sees B; c makes C; d makes D",
	      "e asks from c d", "C(B)<A,B D() ~A() ~B(A)<A");
	/* what shadows came after, and through whom */
	check("a makes A; b sees A; b makes B; c sees B; c makes C; d needs c; d makes D",
	      "e asks from a c d", "A() C(B)<A,B D()<A,C,B ~B(A)<A");
}

static void w6_shadows_do_not_order_the_layers_of_the_view(void **state)
{
	(void)state;
	check("a makes A; b sees A; b makes B1=x; c sees B1; c makes C; b!2 makes B2=x",
	      "e asks", "A() B2() C(B1)<B2,B1 ~B1(A)<A");
}

static void w7_one_layer_alone_needs_no_shadows(void **state)
{
	(void)state;
	check("a makes A; c sees A; c makes C", "e asks from c", "C()");
	check("a makes A", "e asks from c", "");
}

static void w3_earlier_layers_of_the_execution_are_bases(void **state)
{
	(void)state;
	check("a makes A; c sees A; c makes C1; c makes C2; x makes X", "e asks from c x",
	      "C1(A)<A C2(C1,A)<C1,A X() ~A()");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w7_sources_know_their_bases_and_what_comes_before),
		cmocka_unit_test(w7_bases_that_are_not_in_the_view_are_shadows),
		cmocka_unit_test(w6_shadows_do_not_order_the_layers_of_the_view),
		cmocka_unit_test(w7_one_layer_alone_needs_no_shadows),
		cmocka_unit_test(w3_earlier_layers_of_the_execution_are_bases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
