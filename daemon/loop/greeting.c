#include "daemon/loop/greeting.h"

#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/bounds.h"

static bool lists(const struct text_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++) {
		if (text_is(list->items[i], word))
			return true;
	}
	return false;
}

static int check_hello(const struct msg_hello *hello, struct error *error)
{
	bool common = false;
	for (size_t i = 0; i < hello->versions.count; i++)
		common = common || hello->versions.items[i] == PROTOCOL_VERSION;
	if (!common)
		return error_set(
			error, ERR_VERSION,
			"this daemon (batond %s) speaks protocol version %u only; "
			"use a baton of the same release",
			BATON_VERSION, PROTOCOL_VERSION);
	if (!lists(&hello->hashes, "xxh3-128") || !lists(&hello->hashes, "sha256") ||
	    !lists(&hello->codecs, "zstd"))
		return error_set(
			error, ERR_VERSION,
			"this daemon needs a client with the hashes xxh3-128 and "
			"sha256 and the codec zstd");
	return 0;
}

int greeting_check(const uint8_t *payload, uint32_t len, struct buffer *ret_token,
		   struct error *error)
{
	AUTO(message_memory_fini) struct message_memory memory = {0};
	struct msg_hello hello;
	int err = message_decode(&memory, MSG_HELLO, payload, len, &hello, error);
	if (err == 0)
		err = check_hello(&hello, error);
	if (err == 0 && hello.token.len > 0)
		buffer_put(ret_token, hello.token.at, hello.token.len);
	return err;
}

/* Bytes of a grant's text, which is a sentence. */
#define GRANT_TEXT_MAX (ERROR_TEXT_SIZE - 1)

/* One text for each grant, cut to a sentence. All are described before any is borrowed.
 */
static struct text_list list_grants(const struct principal *principal,
				    struct greeting_words *words)
{
	size_t count = principal->grant_count < WELCOME_GRANTS_MAX
			       ? principal->grant_count
			       : WELCOME_GRANTS_MAX;
	for (size_t i = 0; i < count; i++) {
		struct buffer whole AUTO(buffer_fini) = {0};
		char text[GRANT_TEXT_MAX + 1];
		grant_describe(&principal->grants[i], &whole);
		size_t len = text_clean((struct text){(const char *)whole.at, whole.len},
					text, sizeof(text));
		words->grants[i].len = len;
		buffer_put(&words->described, text, len);
	}
	const char *at = (const char *)words->described.at;
	for (size_t i = 0; i < count; at += words->grants[i++].len)
		words->grants[i].at = at;
	return (struct text_list){words->grants, count};
}

void greeting_words_fini(struct greeting_words *words)
{
	buffer_fini(&words->described);
}

struct msg_welcome greeting_welcome(const struct principal *principal,
				    uint64_t keepalive_ms, uint64_t silence_ms,
				    struct greeting_words *ret_words)
{
#define WORD(word)                                                                       \
	{                                                                                \
		.at = (word), .len = sizeof(word) - 1                                    \
	}
	static struct text hashes[] = {WORD("xxh3-128"), WORD("sha256")};
	static struct text codecs[] = {WORD("zstd")};
#undef WORD
	*ret_words = (struct greeting_words){0};
	size_t len = text_clean(text_of(principal->name), ret_words->principal,
				sizeof(ret_words->principal));
	return (struct msg_welcome){
		.version = PROTOCOL_VERSION,
		.software = text_of("batond " BATON_VERSION),
		.hashes = {.items = hashes, .count = 2},
		.codecs = {.items = codecs, .count = 1},
		.ask_window = ASK_WINDOW_UNITS,
		.keepalive_ms = keepalive_ms,
		.silence_ms = silence_ms,
		.principal = {ret_words->principal, len},
		.tier = text_of(tier_text(principal->tier)),
		.grants = list_grants(principal, ret_words),
	};
}

bool greeting_is_http(const uint8_t first[4])
{
	static const char methods[][5] = {"GET ", "POST", "PUT ", "HEAD", "OPTI",
					  "DELE", "CONN", "PRI ", "PATC"};
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (memcmp(first, methods[i], 4) == 0)
			return true;
	}
	return false;
}

struct text greeting_http_answer(void)
{
	return text_of(
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
		"Connection: close\r\n\r\n"
		"This is batond. It does not speak HTTP; use the baton command.\n");
}
