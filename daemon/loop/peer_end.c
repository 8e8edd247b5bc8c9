#include "daemon/loop/peer_end.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/loop/greeting.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/message/message.h"

/* How long a refused peer may go on sending before the connection is cut. */
#define LINGER_MS 2000u

/* ---- sending small messages without waiting ---- */

/* Sends a few bytes. False: the kernel did not take them all. */
static bool send_whole(const struct peer *peer, void *data, size_t len)
{
	struct iovec piece = {.iov_base = data, .iov_len = len};
	return transport_send(&peer->transport, &piece, 1, false) == (ssize_t)len &&
	       transport_flush(&peer->transport) == 0;
}

bool peer_say(struct peer *peer, uint16_t type, const void *message)
{
	AUTO(buffer_fini) struct buffer out = {0};
	struct header_bytes header = {{0}};
	buffer_put(&out, &header, sizeof(header));
	message_encode(&out, type, message);
	header = header_encode(type, out.len - sizeof(header));
	memcpy(out.at, &header, sizeof(header));
	return send_whole(peer, out.at, out.len);
}

/* ---- closing ---- */

void peer_forget_payload(struct peer *peer)
{
	if (peer->payload)
		OPENSSL_cleanse(peer->payload, peer->payload_room);
	free(take_ptr(&peer->payload));
	peer->payload_len = 0;
}

void peer_remember(struct peers *peers, struct peer *peer)
{
	peer->peers = peers;
	peer->next = peers->first;
	if (peer->next)
		peer->next->previous = peer;
	peers->first = peer;
	peers->count++;
}

static void forget(struct peer *peer)
{
	struct peers *peers = peer->peers;
	if (peer->previous)
		peer->previous->next = peer->next;
	else
		peers->first = peer->next;
	if (peer->next)
		peer->next->previous = peer->previous;
	if (!peers->first)
		peers->on_none(peers->context);
}

void peer_free(struct peer *peer)
{
	transport_close(&peer->transport);
	principal_free(peer->principal);
	request_free(peer->request);
	peer_forget_payload(peer);
	free(peer->shaking);
	voice_fini(&peer->voice);
	admission_leave(&peer->peers->admission, &peer->admitted);
	forget(peer);
	free(peer);
}

static void on_closed(uv_handle_t *handle)
{
	struct peer *peer = handle->data;
	/* on_proved() or on_step() frees it then */
	peer->left = peer->proving || (peer->shaking && peer->shaking->running);
	if (!peer->left)
		peer_free(peer);
}

void peer_close(struct peer *peer)
{
	claim(peer->state != PEER_GIVEN);
	if (peer->state == PEER_CLOSING)
		return;
	peer->state = PEER_CLOSING;
	peer->peers->count--; /* its place is free, if not its memory */
	uv_close((uv_handle_t *)&peer->poll, on_closed);
}

static void drop_input(struct peer *peer)
{
	uint8_t dropped[4096];
	struct iovec piece = {.iov_base = dropped, .iov_len = sizeof(dropped)};
	ssize_t got = transport_receive(&peer->transport, &piece, 1);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		peer_close(peer);
}

static void on_leaving(uv_poll_t *poll, int status, int events)
{
	struct peer *peer = poll->data;
	if (status < 0 || !(events & (UV_READABLE | UV_DISCONNECT)))
		peer_close(peer);
	else
		drop_input(peer);
}

void peer_leave(struct peer *peer)
{
	transport_end(&peer->transport);
	peer->state = PEER_LEAVING;
	peer->deadline_ms = uv_now(peer->peers->loop) + LINGER_MS;
	claim(uv_poll_start(&peer->poll, UV_READABLE, on_leaving) == 0);
}

static bool may_tell(const struct peer *peer)
{
	return peer->principal || refusals_may_tell(&peer->peers->refusals);
}

void peer_log_refusal(const struct peer *peer, const struct error *error)
{
	if (!may_tell(peer))
		return;
	const char *verb = peer->request ? request_verb(peer->request) : NULL;
	struct log_field fields[] = {LOG_TEXT("peer", peer->label),
				     LOG_TEXT("request", verb),
				     LOG_TEXT("error", error_name(error->code))};
	log_event(peer->peers->log, LOG_WARNING, "refused", error->text, fields, 3);
}

void peer_refuse(struct peer *peer, struct error *error)
{
	error_say_busy(error);
	peer_log_refusal(peer, error);
	struct text advice[ADVICE_COUNT];
	struct msg_error refusal = {
		.code = error_to_wire(error->code),
		.exit = (uint64_t)error_exit_status(error->code),
		.message = text_of(error->text),
		.retry_ms = error->code == ERR_BUSY ? 1000 : 0,
		.advice = {advice, advice_names(error->advice, advice)},
	};
	(void)peer_say(peer, MSG_ERROR, &refusal);
	peer_leave(peer);
}

void peer_answer_http(struct peer *peer)
{
	struct text answer = greeting_http_answer();
	AUTO_FREE char *copy = must_memdup(answer.at, answer.len);
	(void)send_whole(peer, copy, answer.len);
	if (may_tell(peer))
		log_line(peer->peers->log, LOG_INFO, "refused", "%s: an HTTP client",
			 peer->label);
	peer_leave(peer);
}
