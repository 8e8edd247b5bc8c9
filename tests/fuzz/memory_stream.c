#include "tests/fuzz/memory_stream.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/base/error.h"
#include "proto/transport/transport_calls.h"

/* Where a kind of transport keeps what is its own. */
static struct memory_stream *stream_of(const struct transport *transport)
{
	return (struct memory_stream *)(void *)transport->tls;
}

static ssize_t receive(const struct transport *transport, struct iovec *pieces,
		       size_t count, bool peek)
{
	struct memory_stream *stream = stream_of(transport);
	size_t room = stream->step && stream->step < stream->left ? stream->step
								  : stream->left;
	size_t taken = 0;
	for (size_t i = 0; i < count && taken < room; i++) {
		size_t len = pieces[i].iov_len < room - taken ? pieces[i].iov_len
							      : room - taken;
		memcpy(pieces[i].iov_base, stream->at + taken, len);
		taken += len;
	}
	if (!peek && taken > 0) {
		stream->at += taken;
		stream->left -= taken;
	}
	return (ssize_t)taken;
}

static bool pending(const struct transport *transport)
{
	return stream_of(transport)->left > 0;
}

static ssize_t send_pieces(const struct transport *transport, struct iovec *pieces,
			   size_t count, bool more)
{
	struct buffer *sent = &stream_of(transport)->sent;
	size_t before = sent->len;
	(void)more;
	for (size_t i = 0; i < count; i++)
		buffer_put(sent, pieces[i].iov_base, pieces[i].iov_len);
	return (ssize_t)(sent->len - before);
}

static ssize_t send_file(const struct transport *transport, int file_fd, off_t *offset,
			 size_t len)
{
	struct buffer *sent = &stream_of(transport)->sent;
	buffer_reserve(sent, len);
	ssize_t got = pread(file_fd, sent->at + sent->len, len, *offset);
	if (got > 0) {
		sent->len += (size_t)got;
		*offset += got;
	}
	return got;
}

static int flush(const struct transport *transport)
{
	(void)transport;
	return 0;
}

static void end(const struct transport *transport)
{
	(void)transport;
}

static void free_nothing(struct tls *tls)
{
	(void)tls;
}

static const struct transport_calls calls = {
	.receive = receive,
	.pending = pending,
	.send = send_pieces,
	.send_file = send_file,
	.flush = flush,
	.end = end,
	.free = free_nothing,
};

struct transport memory_stream_transport(struct memory_stream *stream)
{
	static int ready = -1;
	if (ready < 0)
		ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	claim(ready >= 0);
	return (struct transport){
		.calls = &calls, .fd = ready, .tls = (struct tls *)(void *)stream};
}
