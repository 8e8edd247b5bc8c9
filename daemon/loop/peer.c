#include "daemon/loop/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loop/greeting.h"
#include "daemon/loop/peer_end.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/message/message.h"
#include "proto/transport/transport_tls.h"

#define KEEPALIVE_MS 5000u

static void on_readable(uv_poll_t *poll, int status, int events);
static void read_on(struct peer *peer);

static bool welcome(struct peer *peer)
{
	struct greeting_words words AUTO(greeting_words_fini);
	struct msg_welcome message = greeting_welcome(
		peer->principal, KEEPALIVE_MS, peer->peers->config->silence_ms, &words);
	/* A client that may be on this machine is to keep the store out of its trees. */
	if (peer->way == PROOF_UNIX)
		message.data = peer->peers->data;
	return peer_say(peer, MSG_WELCOME, &message);
}

/* ---- reading ---- */

static void expect_message(struct peer *peer, enum peer_state state, uint64_t patience_ms)
{
	peer->state = state;
	peer->header_len = 0;
	peer_forget_payload(peer);
	peer->deadline_ms = uv_now(peer->peers->loop) + patience_ms;
}

/* Until it is known who a peer is, what came is wiped where it was decrypted, too. */
static void keep_no_secret(struct peer *peer, bool wanted)
{
	SSL *ssl = peer->transport.tls ? transport_tls_ssl(&peer->transport) : NULL;
	if (ssl && wanted)
		(void)SSL_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
	else if (ssl)
		(void)SSL_clear_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

static void let_in(struct peer *peer)
{
	keep_no_secret(peer, false);
	admission_know(&peer->peers->admission, &peer->admitted);
	if (welcome(peer))
		expect_message(peer, PEER_IDLE, peer->peers->config->idle_ms);
	else
		peer_close(peer);
}

/* Goes on with a peer that was not given up meanwhile: what it sent behind its HELLO is
 * waiting. */
static void settle(struct peer *peer, struct proving *proving)
{
	if (!proving->principal) {
		peer_refuse(peer, &proving->error);
		return;
	}
	peer->principal = take_ptr(&proving->principal);
	let_in(peer);
	if (peer->state == PEER_IDLE)
		read_on(peer);
}

static void on_proved(struct proving *proving)
{
	struct peer *peer = proving->context;
	peer->proving = NULL;
	if (peer->left)
		peer_free(peer);
	else if (peer->state == PEER_PROVING)
		settle(peer, proving);
	proving_free(proving);
}

/* Who it is decides what follows: at once, or, with a token, on libuv's pool. */
static void on_hello(struct peer *peer, struct buffer *token)
{
	struct error error = {0};
	const struct proof proof = {
		.way = peer->way,
		.fd = peer->transport.fd,
	};
	if (token->len > 0) {
		(void)uv_poll_stop(&peer->poll);
		peer->state = PEER_PROVING;
		peer->proving = proving_begin(peer->peers->loop, peer->peers->access,
					      &proof, token, on_proved, peer);
	} else if (access_prove(peer->peers->access, &proof, &peer->principal, &error)) {
		peer_refuse(peer, &error);
	} else {
		let_in(peer);
	}
}

static void on_greeting(struct peer *peer, uint16_t type)
{
	struct error error = {0};
	struct buffer token AUTO(buffer_wipe) = {0};
	int err =
		type == MSG_HELLO
			? greeting_check(peer->payload, peer->payload_len, &token, &error)
			: error_set(&error, ERR_PROTOCOL,
				    "a connection begins with HELLO; this does not look "
				    "like a Baton client");
	peer_forget_payload(peer);
	if (err)
		peer_refuse(peer, &error);
	else
		on_hello(peer, &token);
}

/* Whose turn a request takes: its namespace's; or, where it will be refused there, its
 * principal's own, so that nobody fills the lane of others or makes lanes as he likes. */
static struct text lane_of(const struct peer *peer)
{
	struct text namespace = request_namespace(peer->request);
	return principal_has_namespace(peer->principal, namespace)
		       ? namespace
		       : text_of(peer->principal->name);
}

static void on_request(struct peer *peer, uint16_t type)
{
	struct error error = {0};
	int err = request_decode(type, take_ptr(&peer->payload), peer->payload_len,
				 &peer->request, &error);
	if (err) {
		peer_refuse(peer, &error);
		return;
	}
	(void)uv_poll_stop(&peer->poll);
	peer->request->arrival = ++peer->peers->arrivals;
	peer->state = PEER_GIVEN;
	voice_set_silent(&peer->voice, true);
	peer->said_ms = uv_now(peer->peers->loop);
	peer->deadline_ms = peer->said_ms + peer->peers->config->queue_wait_ms;
	peer->task = (struct task){.run = peer->peers->run, .lane = lane_of(peer)};
	peer->meter = (struct link_meter){0};
	peer->pace = (struct pace){0};
	enum workers_answer answer = workers_submit(peer->peers->workers, &peer->task);
	if (answer == WORKERS_TAKEN)
		return;
	peer->state = PEER_IDLE;
	(void)error_set(&error, ERR_BUSY, "%s; try again in a second",
			answer == WORKERS_LANE_FULL
				? "too many requests of this namespace wait already"
				: "the daemon can start no thread for a request now");
	peer_refuse(peer, &error);
}

static int check_header(const struct peer *peer, const struct header *header,
			struct error *error)
{
	uint32_t room = peer->state == PEER_GREETING ? HELLO_LEN_MAX : CONTROL_LEN_MAX;
	if (header->len > room)
		return error_set(
			error, ERR_PROTOCOL,
			peer->state == PEER_GREETING
				? "the first message is not a HELLO of at most %u "
				  "bytes; this does not look like a Baton client"
				: "a request is longer than %u bytes",
			room);
	if (!header->is_a_message)
		return error_set(error, ERR_PROTOCOL, "this is not a message");
	if (peer->state == PEER_IDLE && !message_type_name(header->type) &&
	    header->critical)
		return error_set(error, ERR_PROTOCOL,
				 "message type %u is not known here and is critical",
				 header->type);
	return 0;
}

/* A header is complete: makes room for its payload. */
static bool on_header(struct peer *peer)
{
	struct error error = {0};
	if (peer->state == PEER_GREETING && greeting_is_http(peer->header)) {
		peer_answer_http(peer);
		return false;
	}
	struct header header = header_decode(peer->header);
	if (check_header(peer, &header, &error)) {
		peer_refuse(peer, &error);
		return false;
	}
	peer->payload_room = header.len;
	peer->payload = may_alloc(peer->payload_room, &error);
	peer->payload_len = 0;
	if (!peer->payload)
		peer_refuse(peer, &error);
	return peer->payload != NULL;
}

static void on_message(struct peer *peer)
{
	uint16_t type = header_decode(peer->header).type;
	if (peer->state == PEER_GREETING)
		on_greeting(peer, type);
	else if (!message_type_name(type) || type == MSG_KEEPALIVE)
		expect_message(peer, PEER_IDLE, peer->peers->config->idle_ms);
	else
		on_request(peer, type);
}

/* Reads what is there, never beyond the message. False: nothing more for now. */
static bool read_some(struct peer *peer)
{
	bool in_header = peer->header_len < WIRE_HEADER_LEN;
	uint8_t *at = in_header ? peer->header + peer->header_len
				: peer->payload + peer->payload_len;
	size_t wanted = in_header ? WIRE_HEADER_LEN - peer->header_len
				  : peer->payload_room - peer->payload_len;
	struct iovec piece = {.iov_base = at, .iov_len = wanted};
	ssize_t got = wanted ? transport_receive(&peer->transport, &piece, 1) : 0;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got < 0 || (got == 0 && wanted)) {
		peer_close(peer);
		return false;
	}
	if (in_header)
		peer->header_len += (size_t)got;
	else
		peer->payload_len += (uint32_t)got;
	if (in_header && peer->header_len == WIRE_HEADER_LEN && !on_header(peer))
		return false;
	bool whole = peer->header_len == WIRE_HEADER_LEN && peer->payload &&
		     peer->payload_len == peer->payload_room;
	if (!whole)
		return true;
	bool greets = peer->state == PEER_GREETING;
	on_message(peer);
	/* A request mostly comes with its HELLO. After any other message return to the
	 * loop, so that one busy peer cannot starve the others. */
	return greets && peer->state == PEER_IDLE;
}

static bool may_speak(const struct peer *peer)
{
	return peer->state == PEER_GREETING || peer->state == PEER_IDLE;
}

/* What came with a TLS record is no longer in the socket, and poll() would not tell of
 * it. */
static void read_all(struct peer *peer)
{
	do {
		while (read_some(peer))
			;
	} while (may_speak(peer) && transport_pending(&peer->transport));
}

static void read_on(struct peer *peer)
{
	claim(uv_poll_start(&peer->poll, UV_READABLE, on_readable) == 0);
	if (transport_pending(&peer->transport))
		read_all(peer);
}

/* Whether its first bytes, which stay where they are, are those of an HTTP client. */
static bool speaks_http(const struct peer *peer)
{
	uint8_t first[4];
	return peer->state == PEER_GREETING && peer->header_len == 0 &&
	       peer->way == PROOF_UNIX && peer->peers->take_http &&
	       recv(peer->transport.fd, first, sizeof(first), MSG_PEEK) ==
		       sizeof(first) &&
	       greeting_is_http(first);
}

static void hand_to_http(struct peer *peer)
{
	const struct sockaddr_storage from = {.ss_family = AF_UNIX};
	int fd = fcntl(peer->transport.fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		(void)peer->peers->take_http(peer->peers->context, fd, PROOF_UNIX, &from,
					     sizeof(sa_family_t));
	peer_close(peer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;
	if (speaks_http(peer)) {
		hand_to_http(peer);
	} else if (peer->state == PEER_SHAKING) {
		(void)uv_poll_stop(poll);
		shaking_step(peer->peers->loop, peer->shaking);
	} else if (status < 0 || !(events & (UV_READABLE | UV_DISCONNECT))) {
		peer_close(peer);
	} else {
		read_all(peer);
	}
}

/* ---- the TLS handshake ---- */

/* Says so in clear to a peer that speaks in clear; others have had their alert. */
static void refuse_shaking(struct peer *peer)
{
	struct error error = {0};
	(void)shaking_explain(&peer->transport, &error);
	bool is_http = shaking_met_http(&peer->transport);
	bool is_baton = shaking_met_baton(&peer->transport);
	transport_tls_give_up(&peer->transport);
	if (is_baton)
		(void)error_set(&error, ERR_PROTOCOL,
				"this port speaks TLS: name it tls:// in the URL");
	if (is_http) {
		peer_answer_http(peer);
	} else if (is_baton) {
		peer_refuse(peer, &error);
	} else {
		peer_log_refusal(peer, &error);
		peer_leave(peer);
	}
}

/* The deadline stays what it was. */
static void end_shaking(struct peer *peer)
{
	free(take_ptr(&peer->shaking));
	peer->state = PEER_GREETING;
	read_on(peer);
}

static void on_step(struct shaking *shaking)
{
	struct peer *peer = shaking->context;
	if (peer->left)
		peer_free(peer);
	else if (peer->state != PEER_SHAKING)
		; /* its handle is being closed */
	else if (shaking->result == 0)
		end_shaking(peer);
	else if (shaking->error_number != EAGAIN)
		refuse_shaking(peer);
	else
		claim(uv_poll_start(&peer->poll,
				    shaking->events == POLLOUT ? UV_WRITABLE
							       : UV_READABLE,
				    on_readable) == 0);
}

static void begin_shaking(struct peer *peer)
{
	peer->state = PEER_SHAKING;
	peer->shaking = must_calloc(1, sizeof(*peer->shaking));
	peer->shaking->transport = &peer->transport;
	peer->shaking->on_step = on_step;
	peer->shaking->context = peer;
}

void peer_open(struct peers *peers, struct transport transport, struct admitted admitted)
{
	struct peer *peer = must_calloc(1, sizeof(*peer));
	peer->transport = transport;
	peer->admitted = admitted;
	/* The kernel may be unable to watch one more descriptor: then this peer is not
	 * served. */
	if (uv_poll_init(peers->loop, &peer->poll, transport.fd) != 0) {
		transport_close(&peer->transport);
		admission_leave(&peers->admission, &peer->admitted);
		free(peer);
		return;
	}
	voice_init(&peer->voice);
	peer->way = peer_way(&transport);
	peer_label(&transport, peer->label);
	peer_remember(peers, peer);
	peer->poll.data = peer;
	expect_message(peer, PEER_GREETING, peers->config->hello_ms);
	keep_no_secret(peer, true);
	if (transport.tls)
		begin_shaking(peer);
	claim(uv_poll_start(&peer->poll, UV_READABLE, on_readable) == 0);
}

void peer_return(struct peer *peer)
{
	claim(peer->state == PEER_GIVEN);
	request_free(take_ptr(&peer->request));
	peer->state = PEER_IDLE;
	if (!peer->keep) {
		peer_leave(peer);
		return;
	}
	if (peer->peers->stopping) {
		peer_close(peer);
		return;
	}
	expect_message(peer, PEER_IDLE, peer->peers->config->idle_ms);
	read_on(peer);
}

/* ---- deadlines ---- */

static void on_long_wait(struct peer *peer)
{
	peer->deadline_ms = UINT64_MAX;
	if (!workers_withdraw(peer->peers->workers, &peer->task))
		return; /* a worker has it by now */
	const struct config *config = peer->peers->config;
	struct error error = {0};
	(void)error_set(
		&error, ERR_BUSY,
		"the daemon is busy: %llu requests are running and this one waited "
		"%.3g s; try again in a second",
		(unsigned long long)config->sessions,
		(double)config->queue_wait_ms / 1000.0);
	peer->state = PEER_IDLE;
	peer_refuse(peer, &error);
}

static void on_impatience(struct peer *peer)
{
	struct error error = {0};
	if (peer->state == PEER_GIVEN) {
		on_long_wait(peer);
	} else if (peer->state == PEER_SHAKING) {
		(void)error_set(&error, ERR_TIMEOUT, "no TLS handshake within %.3g s",
				(double)peer->peers->config->hello_ms / 1000.0);
		peer_log_refusal(peer, &error);
		peer_close(peer);
	} else if (peer->state == PEER_GREETING || peer->state == PEER_PROVING) {
		(void)error_set(&error, ERR_TIMEOUT,
				peer->state == PEER_GREETING
					? "no HELLO within %.3g s"
					: "the token could not be checked within %.3g s",
				(double)peer->peers->config->hello_ms / 1000.0);
		peer_refuse(peer, &error);
	} else {
		peer_close(peer);
	}
}

static void tick(struct peer *peer, uint64_t now_ms)
{
	if (peer->state == PEER_CLOSING)
		return;
	if (peer->state == PEER_GIVEN && now_ms - peer->said_ms >= KEEPALIVE_MS &&
	    voice_keep_alive(&peer->voice, &peer->transport))
		peer->said_ms = now_ms;
	if (now_ms >= peer->deadline_ms)
		on_impatience(peer);
}

void peers_tick(struct peers *peers)
{
	uint64_t now_ms = uv_now(peers->loop);
	refusals_tick(&peers->refusals, peers->log, now_ms);
	for (struct peer *peer = peers->first, *next; peer; peer = next) {
		next = peer->next;
		tick(peer, now_ms);
	}
}

/* ---- stopping ---- */

static void dismiss(struct peer *peer)
{
	struct error error = {0};
	(void)error_set(&error, ERR_SHUTDOWN, "the daemon is shutting down");
	if (peer->state == PEER_GIVEN &&
	    workers_withdraw(peer->peers->workers, &peer->task)) {
		peer->state = PEER_IDLE;
		peer_refuse(peer, &error);
	} else if (peer->state != PEER_GIVEN) {
		peer_close(peer);
	}
}

void peers_stop(struct peers *peers)
{
	peers->stopping = true;
	refusals_tell(&peers->refusals, peers->log);
	for (struct peer *peer = peers->first, *next; peer; peer = next) {
		next = peer->next;
		dismiss(peer);
	}
}
