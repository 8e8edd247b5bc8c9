#include "client/connection/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/connection/credentials.h"
#include "client/connection/heartbeat.h"
#include "client/connection/retry.h"
#include "client/connection/server_list.h"
#include "client/terminal/interrupts.h"
#include "client/terminal/report.h"
#include "client/terminal/terminal.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/message/message.h"
#include "proto/transport/address.h"

/* Heartbeats in the time after which the daemon gives a silent client up: two may be lost
 * or late. */
#define HEARTBEATS_IN_SILENCE 3u
/* A working daemon sends KEEPALIVE every keepalive_ms; when so many have not come, it is
 * silent. */
#define KEEPALIVES_MISSED 3u
#define SILENCE_MAX_MS (10u * 60 * 1000)
/* A daemon that starts takes less. */
#define TELL_AFTER_MS 1000u
/* Looking whether somebody listens costs little. */
#define ABSENT_PAUSE_MAX_MS 1000u

/* ---- the greeting: HELLO, WELCOME -------------------------------------------------- */

static struct text hashes[] = {{"xxh3-128", 8}, {"sha256", 6}};
static struct text codecs[] = {{"zstd", 4}};

static int say_hello(struct link *link, const struct credentials *credentials,
		     struct error *error)
{
	uint64_t versions[] = {PROTOCOL_VERSION};
	struct msg_hello hello = {
		.versions = {versions, 1},
		.software = text_of("baton " BATON_VERSION),
		.hashes = {hashes, sizeof(hashes) / sizeof(*hashes)},
		.codecs = {codecs, sizeof(codecs) / sizeof(*codecs)},
		.token = {credentials->token, credentials->len},
	};
	return link_send_control(link, MSG_HELLO, &hello, error);
}

static bool offers(const struct text_list *offered, struct text wanted)
{
	for (size_t i = 0; i < offered->count; i++) {
		if (text_equal(offered->items[i], wanted))
			return true;
	}
	return false;
}

/* The first of `wanted` that is not offered; NULL if all are. */
static const char *missing(const struct text_list *offered, const struct text *wanted,
			   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!offers(offered, wanted[i]))
			return wanted[i].at;
	}
	return NULL;
}

static int check_welcome(const struct connection *connection,
			 const struct msg_welcome *welcome, struct error *error)
{
	if (welcome->version != PROTOCOL_VERSION)
		return error_set(error, ERR_VERSION,
				 "%s chose protocol version %" PRIu64
				 ", which was not offered: baton " BATON_VERSION
				 " speaks version %u; use the baton of its release",
				 connection->peer, welcome->version, PROTOCOL_VERSION);
	const char *lacks = missing(&welcome->hashes, hashes, 2);
	if (!lacks)
		lacks = missing(&welcome->codecs, codecs, 1);
	if (lacks)
		return error_set(error, ERR_VERSION,
				 "%s does not offer %s, which baton " BATON_VERSION
				 " needs; use the baton of its release",
				 connection->peer, lacks);
	if (welcome->ask_window == 0)
		return error_set(error, ERR_PROTOCOL,
				 "%s sent WELCOME without an ask_window",
				 connection->peer);
	return 0;
}

/* The daemon's sentence names its versions; this adds ours. */
static int explain_version(int code, struct error *error)
{
	if (code != ERR_VERSION)
		return code;
	char refusal[ERROR_TEXT_SIZE];
	memcpy(refusal, error->text, sizeof(refusal));
	return error_set(error, ERR_VERSION,
			 "%s (this is baton " BATON_VERSION
			 ", which speaks version %u; use the baton of its release)",
			 refusal, PROTOCOL_VERSION);
}

static void add_grant(struct string_list *grants, struct text text)
{
	char *grant AUTO_FREE = must_memdup(text.at, text.len);
	string_list_add(grants, grant);
}

static void accept_welcome(struct connection *connection,
			   const struct connection_how *how,
			   const struct msg_welcome *welcome)
{
	connection->ask_window = welcome->ask_window < ASK_WINDOW_UNITS
					 ? (uint32_t)welcome->ask_window
					 : ASK_WINDOW_UNITS;
	uint64_t patience_ms = welcome->keepalive_ms < SILENCE_MAX_MS / KEEPALIVES_MISSED
				       ? welcome->keepalive_ms * KEEPALIVES_MISSED
				       : SILENCE_MAX_MS;
	if (!how->timeout_given && patience_ms > (uint64_t)how->timeout_ms)
		connection->link.silence_ms = (int)patience_ms;
	connection->data_place_count = welcome->data.count;
	for (size_t i = 0; i < welcome->data.count; i++)
		connection->data_place[i] = welcome->data.items[i];
	connection->heartbeat_ms = welcome->silence_ms / HEARTBEATS_IN_SILENCE;
	connection->principal =
		must_memdup(welcome->principal.at, welcome->principal.len);
	connection->tier = must_memdup(welcome->tier.at, welcome->tier.len);
	for (size_t i = 0; i < welcome->grants.count; i++)
		add_grant(&connection->grants, welcome->grants.items[i]);
	link_greeted(&connection->link);
}

/* Beyond this machine there is TLS, or nothing (rule A1): not only a token is worth it.
 */
static int check_in_clear(const struct connection *connection, struct error *error)
{
	const struct transport *transport = &connection->link.transport;
	if (connection->is_local || transport->tls ||
	    address_peer_is_loopback(transport->fd))
		return 0;
	return error_set(
		error, ERR_USAGE,
		"%s: is on another machine, and nothing is sent there in clear, no "
		"token and no file; use tls://",
		connection->server);
}

/* What goes along with the HELLO. */
static int find_token(const struct connection *connection,
		      const struct connection_how *how, struct credentials *credentials,
		      struct error *error)
{
	return connection->is_local
		       ? 0
		       : credentials_find(how->token_file, credentials, error);
}

static int greet(struct connection *connection, const struct connection_how *how,
		 const struct connection_request *request, struct error *error)
{
	struct link_message message = {0};
	struct credentials credentials AUTO(credentials_fini) = {0};
	int err = check_in_clear(connection, error);
	if (err == 0)
		err = find_token(connection, how, &credentials, error);
	if (err < 0)
		return err;
	err = say_hello(&connection->link, &credentials, error);
	if (err == 0 && request)
		err = link_send_control(&connection->link, request->type,
					request->message, error);
	/* A daemon that closed the connection may have sent the reason before. */
	if (err == 0 || err == ERR_LOST)
		err = link_expect(&connection->link, MSG_WELCOME, &message, error);
	if (err < 0)
		return explain_version(err, error);
	uint8_t *payload AUTO_FREE = message.payload;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_welcome welcome;
	err = message_decode(&memory, MSG_WELCOME, payload, message.len, &welcome, error);
	if (err == 0)
		err = check_welcome(connection, &welcome, error);
	if (err == 0)
		accept_welcome(connection, how, &welcome);
	return err;
}

/* ---- one try ----------------------------------------------------------------------- */

static void describe(struct connection *connection, const struct address *address)
{
	connection->server = must_strdup(address->url);
	connection->is_local = address->kind == ADDRESS_UNIX;
	if (asprintf(&connection->peer, "the daemon at %s", address->url) < 0)
		connection->peer = must_strdup("the daemon");
}

static int open_transport(const struct address *address, const struct connection_how *how,
			  struct transport *ret_transport, struct error *error)
{
	int fd = -1;
	int err = address_connect(address, how->timeout_ms, interrupts_fd(), &fd, error);
	if (err < 0)
		return err;
	if (address->kind == ADDRESS_TLS)
		return security_begin(address, &how->security, fd, how->timeout_ms,
				      interrupts_fd(), ret_transport, error);
	*ret_transport = transport_of_socket(fd);
	return 0;
}

static int reach(const char *url, const struct connection_how *how,
		 const struct connection_request *request, struct connection *connection,
		 struct error *error)
{
	connection_close(connection);
	struct address address AUTO(address_fini) = {0};
	int err = address_parse(url, &address, error);
	if (err < 0)
		return err;
	if (address.kind == ADDRESS_HTTP || address.kind == ADDRESS_HTTPS)
		return error_set(error, ERR_USAGE,
				 "%s: is where the daemon serves browsers and curl; name "
				 "its unix:, tcp:// or tls:// address",
				 url);
	struct transport transport = {0};
	err = open_transport(&address, how, &transport, error);
	if (err < 0)
		return err;
	describe(connection, &address);
	link_init(&connection->link, transport, interrupts_fd(), connection->peer);
	connection->link.silence_ms = how->timeout_ms;
	err = greet(connection, how, request, error);
	return err < 0 ? security_explain(address.url, &connection->link.transport, error)
		       : 0;
}

/* Adds to what address_connect() said how a daemon can be reached. */
static int explain_unreachable(const struct string_list *servers, struct error *error)
{
	char *where AUTO_FREE = server_list_text(servers);
	char reason[ERROR_TEXT_SIZE];
	memcpy(reason, error->text, sizeof(reason));
	if (servers->count > 1 || strncmp(where, "unix:", 5) == 0)
		return error_set(error, ERR_UNREACHABLE,
				 "cannot reach the daemon at %s: nobody listens there; "
				 "start one with `batond`, or name one with --server",
				 where);
	return error_set(error, ERR_UNREACHABLE,
			 "%s; start one there with `batond`, or name another with "
			 "--server",
			 reason);
}

/* Tries each server in turn until one listens. */
static int try_servers(const struct connection_how *how,
		       const struct connection_request *request,
		       struct connection *connection, struct error *error)
{
	struct string_list servers AUTO(string_list_fini) = {0};
	server_list_of(how->server, &servers);
	int err = ERR_UNREACHABLE;
	for (size_t i = 0; i < servers.count && err == ERR_UNREACHABLE; i++)
		err = reach(servers.items[i], how, request, connection, error);
	return err == ERR_UNREACHABLE ? explain_unreachable(&servers, error) : err;
}

/* ---- trying again ------------------------------------------------------------------ */

uint64_t connection_patience(const struct connection_how *how)
{
	return how->timeout_given || server_list_expects(how->server)
		       ? clock_now_ms() + (uint64_t)how->timeout_ms
		       : 0;
}

uint64_t connection_patience_given(const struct connection_how *how)
{
	return how->timeout_given ? connection_patience(how) : 0;
}

/* All tries of one connection_open(). */
struct patience {
	uint64_t started_ms, deadline_ms;
	unsigned count;
	bool told;
};

/* Says so once: waiting in silence would look like hanging, but not in the second that a
 * daemon takes to start. */
static void say_retrying(const struct connection_how *how, struct patience *patience,
			 uint64_t next_ms, const struct error *error)
{
	if (patience->told || how->is_quiet ||
	    next_ms - patience->started_ms < TELL_AFTER_MS)
		return;
	char left[HUMAN_TEXT_SIZE];
	char sentence[ERROR_TEXT_SIZE + 64];
	(void)snprintf(sentence, sizeof(sentence), "%s; trying again for %s", error->text,
		       human_seconds(patience->deadline_ms - clock_now_ms(), left));
	terminal_say("", sentence);
	patience->told = true;
}

/* Says for how long it was tried, if that was long. */
static int give_up(const struct patience *patience, int code, struct error *error)
{
	uint64_t tried_ms = clock_now_ms() - patience->started_ms;
	if (tried_ms < TELL_AFTER_MS || !retry_may_help(code))
		return code;
	char reason[ERROR_TEXT_SIZE];
	char tried[HUMAN_TEXT_SIZE];
	memcpy(reason, error->text, sizeof(reason));
	return error_set(error, code, "%s (tried for %s)", reason,
			 human_seconds(tried_ms, tried));
}

/* Waits before the next try; an error if there is none. code: of the last one. */
static int wait_for_next(const struct connection_how *how, struct patience *patience,
			 struct link *link, int code, struct error *error)
{
	uint32_t pause_ms = retry_pause_ms(link, patience->count++);
	uint64_t now = clock_now_ms();
	/* A daemon was there and may come back: the whole timeout at least. */
	uint64_t lost_until_ms = patience->started_ms + (uint64_t)how->timeout_ms;
	if (code != ERR_UNREACHABLE && patience->deadline_ms < lost_until_ms)
		patience->deadline_ms = lost_until_ms;
	if (code == ERR_UNREACHABLE && pause_ms > ABSENT_PAUSE_MAX_MS)
		pause_ms = ABSENT_PAUSE_MAX_MS;
	if (!retry_may_help(code) || now >= patience->deadline_ms)
		return give_up(patience, code, error);
	/* The last try is at the deadline. */
	if (now + pause_ms > patience->deadline_ms)
		pause_ms = (uint32_t)(patience->deadline_ms - now);
	say_retrying(how, patience, now + pause_ms, error);
	return retry_wait(pause_ms, error);
}

int connection_open(const struct connection_how *how, uint64_t deadline_ms,
		    const struct connection_request *request,
		    struct connection *ret_connection, struct error *error)
{
	struct connection connection AUTO(connection_close) = {0};
	*ret_connection = connection;
	struct patience patience = {.started_ms = clock_now_ms(),
				    .deadline_ms = deadline_ms};
	int err;
	while ((err = try_servers(how, request, &connection, error)) < 0) {
		err = wait_for_next(how, &patience, &connection.link, err, error);
		if (err < 0)
			return err;
	}
	*ret_connection = connection;
	connection = (struct connection){0};
	return 0;
}

void connection_keep_alive(struct connection *connection)
{
	if (connection->heartbeat_ms && !connection->heartbeat)
		connection->heartbeat =
			heartbeat_new(&connection->link, connection->heartbeat_ms);
}

void connection_close(struct connection *connection)
{
	heartbeat_free(connection->heartbeat);
	if (connection->server)
		link_fini(&connection->link);
	free(connection->server);
	free(connection->peer);
	free(connection->principal);
	free(connection->tier);
	string_list_fini(&connection->grants);
	*connection = (struct connection){0};
}
