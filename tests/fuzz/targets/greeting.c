/*
 * The first that comes from anybody: whether it is HTTP, and a HELLO; and the names that
 * people and CI systems choose, as far as the product makes others of them.
 */
#include "daemon/loop/greeting.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/message/label.h"
#include "proto/message/short_name.h"
#include "tests/fuzz/fuzz.h"

static void check_hello(const uint8_t *data, size_t len)
{
	struct buffer token AUTO(buffer_fini) = {0};
	struct error error = {0};
	int err = greeting_check(data, (uint32_t)len, &token, &error);
	claim(err == 0 || err == ERR_PROTOCOL || err == ERR_VERSION);
	claim(err == 0 || text_is_clean(text_of(error.text)));
	claim(token.len <= TOKEN_LEN_MAX);
}

static void check_names(const char *name, size_t len)
{
	struct text half = {name, len / 2}, rest = {name + len / 2, len - len / 2};
	const struct label label = {
		.job = half, .shard = rest, .run = rest, .attempt = half};
	char shown[64];
	claim(strlen(label_text(&label, shown, sizeof(shown))) < sizeof(shown));
	char *whole AUTO_FREE = must_memdup(name, len);
	char *shorter AUTO_FREE = short_name_of(whole, 60);
	char *component AUTO_FREE = short_component_of(whole);
	claim(strlen(shorter) <= 60 && strlen(component) <= COMPONENT_LEN_MAX);
	claim(!strchr(component, '/') && *component);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len >= 4)
		(void)greeting_is_http(data);
	check_hello(data, len);
	check_names((const char *)data, len);
	return 0;
}
