#include "daemon/ask/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/link/link.h"
#include "proto/transport/address.h"

#define CONNECT_MS 10000
/* Several KEEPALIVEs of a daemon long. */
#define SILENCE_MS 60000

static int find_socket(const struct string_list *listen, const char **ret_url,
		       struct error *error)
{
	for (size_t i = 0; i < listen->count; i++)
		if (strncmp(listen->items[i], "unix:", 5) == 0) {
			*ret_url = listen->items[i];
			return 0;
		}
	return error_set(error, ERR_USAGE,
			 "the daemon is asked over its Unix socket, and listens on none; "
			 "name one with --listen");
}

static int greet(struct link *link, struct error *error)
{
	static struct text hashes[] = {{"xxh3-128", 8}, {"sha256", 6}};
	static struct text codecs[] = {{"zstd", 4}};
	uint64_t versions[] = {PROTOCOL_VERSION};
	const struct msg_hello hello = {
		.versions = {versions, 1},
		.software = text_of("batond " BATON_VERSION),
		.hashes = {hashes, 2},
		.codecs = {codecs, 1},
	};
	struct link_message message = {0};
	int err = link_send_control(link, MSG_HELLO, &hello, error);
	if (err == 0 || err == ERR_LOST)
		err = link_expect(link, MSG_WELCOME, &message, error);
	free(message.payload);
	return err;
}

static int converse(struct link *link, const struct ask *ask,
		    struct message_memory *memory, uint8_t **ret_payload, void *ret_reply,
		    struct error *error)
{
	struct link_message message = {0};
	int err = greet(link, error);
	if (err)
		return err;
	link_greeted(link);
	err = link_send_control(link, ask->type, ask->message, error);
	if (err == 0 || err == ERR_LOST)
		err = link_expect(link, ask->reply_type, &message, error);
	if (err == 0)
		err = message_decode(memory, ask->reply_type, message.payload,
				     message.len, ret_reply, error);
	if (err)
		free(message.payload);
	else
		*ret_payload = message.payload;
	return err;
}

int ask_daemon(const struct ask *ask, struct message_memory *memory,
	       uint8_t **ret_payload, void *ret_reply, struct error *error)
{
	const char *url = NULL;
	struct address address AUTO(address_fini) = {0};
	char *peer AUTO_FREE = NULL;
	int fd;
	int err = find_socket(ask->listen, &url, error);
	if (err == 0)
		err = address_parse(url, &address, error);
	if (err == 0)
		err = address_connect(&address, CONNECT_MS, -1, &fd, error);
	if (err)
		return err;
	claim(asprintf(&peer, "the daemon at %s", address.url) > 0);
	struct link link;
	link_init(&link, transport_of_socket(fd), -1, peer);
	link.silence_ms = SILENCE_MS;
	err = converse(&link, ask, memory, ret_payload, ret_reply, error);
	link_fini(&link);
	return err;
}
