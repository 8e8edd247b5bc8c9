/* What the HTTP front end reads of URLs and heads (rules K10, K12), with nothing running.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http/syntax/byte_range.h"
#include "daemon/http/syntax/host_name.h"
#include "daemon/http/syntax/media_type.h"
#include "daemon/http/syntax/percent.h"
#include "daemon/http/syntax/route.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* ---- percent ---------------------------------------------------------------------- */

static void every_byte_but_nul_goes_into_a_url_and_comes_back(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	struct buffer text AUTO(buffer_fini) = {0};
	char bytes[255];
	size_t len;
	(void)state;
	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	percent_encode(&text, bytes, sizeof(bytes), false);
	for (size_t i = 0; i < text.len; i++)
		assert_non_null(
			strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789-._~%",
			       text.at[i]));
	const char *decoded =
		percent_decode(&arena, (const char *)text.at, text.len, &len);
	assert_int_equal(len, sizeof(bytes));
	assert_memory_equal(decoded, bytes, len);
}

static void what_is_not_well_encoded_is_refused(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	size_t len;
	(void)state;
	static const char *const bad[] = {"%",   "a%2",   "%g0", "%0g",
					  "%00", "a%00b", "%%41"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(percent_decode(&arena, bad[i], strlen(bad[i]), &len));
	assert_string_equal(percent_decode(&arena, "a+b%2Bc", 7, &len), "a+b+c");
	assert_int_equal(len, 5);
}

/* ---- routes ------------------------------------------------------------------------ */

static struct route route_of(struct arena *arena, const char *target, int expected)
{
	struct route route;
	struct error error = {0};
	assert_int_equal(route_find(arena, text_of(target), &route, &error), expected);
	return route;
}

static void a_slash_that_was_encoded_separates_nothing(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	(void)state;
	struct route route =
		route_of(&arena, "/api/v1/namespaces/acme%2Fweb/workflows/a%2Fb%20c", 0);
	assert_int_equal(route.kind, ROUTE_WORKFLOW);
	assert_true(text_is(route.namespace, "acme/web"));
	assert_true(text_is(route.workflow, "a/b c"));
	route = route_of(&arena, "/api/v1/namespaces/acme/web/workflows", 0);
	assert_int_equal(route.kind, ROUTE_UNKNOWN);
}

static void each_resource_has_its_route(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	static const struct {
		const char *target;
		enum route_kind kind;
	} routes[] = {
		{"/api/v1", ROUTE_ABOUT},
		{"/api/v1/", ROUTE_ABOUT},
		{"/api/v1/openapi.json", ROUTE_OPENAPI},
		{"/api/v1/namespaces", ROUTE_NAMESPACES},
		{"/api/v1/namespaces/", ROUTE_NAMESPACES},
		{"/api/v1/namespaces/n/workflows", ROUTE_WORKFLOWS},
		{"/api/v1/namespaces/n/workflows/w", ROUTE_WORKFLOW},
		{"/api/v1/namespaces/n/workflows/w/files", ROUTE_FILES},
		{"/api/v1/namespaces/n/layers/l", ROUTE_LAYER},
		{"/api/v1/namespaces/n/layers/l/files/a/b", ROUTE_FILES},
		{"/api/v1/namespaces/n/layers/l/archive.zip", ROUTE_ARCHIVE},
		{"/api/v1/namespaces/n/workflows/w/archive.tar", ROUTE_ARCHIVE},
		{"", ROUTE_UNKNOWN},
		{"*", ROUTE_UNKNOWN},
		{"/", ROUTE_UNKNOWN},
		{"/api", ROUTE_UNKNOWN},
		{"/api/v2", ROUTE_UNKNOWN},
		{"/api/v1/namespaces/n", ROUTE_UNKNOWN},
		{"/api/v1/namespaces/n/layers", ROUTE_UNKNOWN},
		{"/api/v1/namespaces/n/layers/l/archive.rar", ROUTE_UNKNOWN},
		{"/api/v1/namespaces/n/layers/l/archive.zip/x", ROUTE_UNKNOWN},
		{"/api/v1/openapi.json/x", ROUTE_UNKNOWN},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		assert_int_equal(route_of(&arena, routes[i].target, 0).kind,
				 routes[i].kind);
}

#define LAYER_FILES "/api/v1/namespaces/n/layers/l/files/"

static void a_path_is_one_that_a_file_can_have(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	(void)state;
	struct route route = route_of(&arena, LAYER_FILES "a%20b/c%23/", 0);
	assert_true(text_is(route.path, "a b/c#"));
	assert_true(route.is_folder);
	route = route_of(&arena, LAYER_FILES, 0);
	assert_int_equal(route.path.len, 0);
	assert_true(route.is_folder);
	static const char *const bad[] = {
		"..",    "a/../b", "a/..",   "%2e%2e", "a/%2E%2e/b", ".", "a//b", "//a",
		"a/./b", "%2F",    "a%2F..", "/",      "a%00b",      "%", "a%2"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char target[200];
		(void)snprintf(target, sizeof(target), LAYER_FILES "%s", bad[i]);
		(void)route_of(&arena, target, ERR_USAGE);
	}
}

static void a_path_has_as_many_bytes_as_one_may_have(void **state)
{
	struct arena arena AUTO(arena_fini) = {0};
	(void)state;
	char *target AUTO_FREE = must_calloc(1, sizeof(LAYER_FILES) + PATH_LEN_MAX + 2);
	for (size_t extra = 0; extra < 2; extra++) {
		size_t len = PATH_LEN_MAX + extra;
		size_t begin = (size_t)sprintf(target, LAYER_FILES);
		for (size_t i = 0; i < len; i++)
			target[begin + i] = i % 200 == 199 && i + 1 < len ? '/' : 'a';
		(void)route_of(&arena, target, extra ? ERR_USAGE : 0);
	}
}

/* ---- ranges and tags ----------------------------------------------------------------
 */

static void assert_range(const char *header, uint64_t size, enum byte_range_kind kind,
			 uint64_t first, uint64_t last)
{
	struct byte_range range = byte_range_parse(text_of(header), size);
	assert_int_equal(range.kind, kind);
	if (kind == RANGE_PART) {
		assert_int_equal(range.first, first);
		assert_int_equal(range.last, last);
	}
}

static void a_range_means_what_the_rfc_says(void **state)
{
	(void)state;
	assert_range("bytes=0-0", 10, RANGE_PART, 0, 0);
	assert_range("bytes=0-9", 10, RANGE_PART, 0, 9);
	assert_range("bytes=9-", 10, RANGE_PART, 9, 9);
	assert_range("BYTES=3-100", 10, RANGE_PART, 3, 9);
	assert_range("bytes=-4", 10, RANGE_PART, 6, 9);
	assert_range("bytes=-40", 10, RANGE_PART, 0, 9);
	assert_range("bytes=0-99999999999999999999999", 10, RANGE_PART, 0, 9);
	assert_range("bytes=10-", 10, RANGE_BEYOND, 0, 0);
	assert_range("bytes=99999999999999999999999-", 10, RANGE_BEYOND, 0, 0);
	assert_range("bytes=-0", 10, RANGE_BEYOND, 0, 0);
	assert_range("bytes=0-", 0, RANGE_BEYOND, 0, 0);
	assert_range("bytes=-1", 0, RANGE_BEYOND, 0, 0);
}

static void what_is_no_single_range_is_passed_over(void **state)
{
	static const char *const headers[] = {
		"",          "bytes=",        "bytes=a-b",   "bytes=1",
		"bytes=5-2", "bytes=0-1,3-4", "bytes=0-1 ",  "rows=0-1",
		"bytes=--1", "bytes=-",       "bytes=1-2-3",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		assert_range(headers[i], 10, RANGE_NONE, 0, 0);
}

static void a_tag_is_found_in_a_list(void **state)
{
	static const char tag[] = "\"ab\"";
	(void)state;
	assert_true(entity_tag_listed(text_of("*"), tag, true));
	assert_true(entity_tag_listed(text_of("\"ab\""), tag, false));
	assert_true(entity_tag_listed(text_of("\"x\", \"ab\" ,\"y\""), tag, false));
	assert_true(entity_tag_listed(text_of("W/\"ab\""), tag, true));
	assert_false(entity_tag_listed(text_of("W/\"ab\""), tag, false));
	assert_false(entity_tag_listed(text_of("\"abc\""), tag, true));
	assert_false(entity_tag_listed(text_of("ab"), tag, true));
	assert_false(entity_tag_listed(text_of("\"ab"), tag, true));
	assert_false(entity_tag_listed(text_of("\""), tag, true));
	assert_false(entity_tag_listed(text_of("W/"), tag, true));
	assert_false(entity_tag_listed(text_of(""), tag, true));
}

/* ---- hosts and types -----------------------------------------------------------------
 */

static void only_names_of_this_machine_alone_are_loopback(void **state)
{
	static const char *const own[] = {"localhost", "LOCALHOST:80", "a.b.localhost:1",
					  "127.0.0.1", "127.1.2.3:80", "[::1]",
					  "[::1]:8080"};
	static const char *const others[] = {"",
					     "example.org",
					     "localhost.org",
					     "notlocalhost",
					     "128.0.0.1",
					     "127.0.0.1.example.org",
					     "[::2]:80",
					     "[",
					     ":80",
					     "localhost.",
					     "0x7f.1"};
	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_true(host_name_is_loopback(text_of(own[i])));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(host_name_is_loopback(text_of(others[i])));
	char *long_name AUTO_FREE = must_calloc(1, 4000);
	memset(long_name, 'a', 3990);
	assert_false(host_name_is_loopback(text_of(long_name)));
}

static void a_type_comes_from_the_name_else_from_the_bytes(void **state)
{
	(void)state;
	assert_string_equal(media_type_of(text_of("a/INDEX.HTML"), "\0", 1),
			    "text/html; charset=utf-8");
	assert_string_equal(media_type_of(text_of("Makefile"), "all:\n\tcc\n", 9),
			    "text/plain; charset=utf-8");
	assert_string_equal(media_type_of(text_of("a"), "a\0b", 3),
			    "application/octet-stream");
	assert_string_equal(media_type_of(text_of("a"), "\xff\xfe", 2),
			    "application/octet-stream");
	assert_string_equal(media_type_of(text_of(".png"), "x", 1),
			    "text/plain; charset=utf-8");
	char cut[1030];
	memset(cut, 'x', sizeof(cut));
	memcpy(cut + 1022, "\xe2\x82\xac", 3);
	assert_string_equal(media_type_of(text_of("a"), cut, sizeof(cut)),
			    "text/plain; charset=utf-8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_but_nul_goes_into_a_url_and_comes_back),
		cmocka_unit_test(what_is_not_well_encoded_is_refused),
		cmocka_unit_test(a_slash_that_was_encoded_separates_nothing),
		cmocka_unit_test(each_resource_has_its_route),
		cmocka_unit_test(a_path_is_one_that_a_file_can_have),
		cmocka_unit_test(a_path_has_as_many_bytes_as_one_may_have),
		cmocka_unit_test(a_range_means_what_the_rfc_says),
		cmocka_unit_test(what_is_no_single_range_is_passed_over),
		cmocka_unit_test(a_tag_is_found_in_a_list),
		cmocka_unit_test(only_names_of_this_machine_alone_are_loopback),
		cmocka_unit_test(a_type_comes_from_the_name_else_from_the_bytes),
	};
	return cmocka_run_group_tests_name("http_texts", tests, NULL, NULL);
}
