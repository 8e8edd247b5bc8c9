/*
 * The daemon's side of a persist, for tests of the client: a thread that speaks
 * PROTOCOL.md §5 over a given socket, keeps every unit, counts what a client must not do,
 * and misbehaves where it is told to.
 *
 * The fields are the test's before fake_start() and after fake_join().
 */
#ifndef BATON_TESTS_FAKE_DAEMON_H
#define BATON_TESTS_FAKE_DAEMON_H

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/base/cleanup.h"
#include "proto/link/link.h"
#include "proto/manifest/manifest.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

struct fake_unit {
	struct unit_name name;
	uint8_t *bytes; /* owned */
};

struct fake {
	/* what it is told */
	uint32_t window;        /* units */
	bool lies_in_offers;    /* one candidate for each unit, which is not it */
	bool lies_once_stored;  /* the first content unit's SHA-256 is another's */
	bool lies_about_digest; /* another one than was committed */
	bool hides_digest;      /* a layer without one */
	bool answers_late;      /* only once nothing more comes */
	/* From the first UNITS on it answers only once this is readable, and what had
	 * been sent before that is taken; borrowed; 0: at once. */
	int answers_after;
	unsigned drop_at; /* closes instead of taking this message, from 1; 0: never */
	int error_at_first_ask; /* an enum err to answer with; 0: none */

	/* what it has seen */
	struct fake_unit *units; /* owned */
	size_t unit_count, unit_room;
	unsigned asked, sent, messages;
	unsigned sent_pieces;
	sem_t *on_piece; /* borrowed; posted with each; NULL: none */
	uint32_t unanswered, most_unanswered;
	size_t largest_frame;
	struct digest digest; /* of the latest COMMIT */
	struct buffer root;   /* owned */
	bool committed;
	uint8_t key[16]; /* of the latest PERSIST */
	bool again;

	struct link link;
	struct buffer late; /* owned; answers: u16 type, u32 length, payload */
	pthread_t thread;
};

static inline const struct fake_unit *
fake_find(const struct fake *fake, const struct unit_key *key, const struct digest *sha)
{
	for (size_t i = 0; i < fake->unit_count; i++) {
		const struct unit_name *name = &fake->units[i].name;
		if (key && (name->key.len != key->len ||
			    !xxh128_equal(&name->key.xxh, &key->xxh)))
			continue;
		if (!sha || digest_equal(&name->sha, sha))
			return &fake->units[i];
	}
	return NULL;
}

/* What the namespace holds from now on. */
static inline struct digest fake_keep(struct fake *fake, const void *bytes, size_t len)
{
	if (fake->unit_count == fake->unit_room) {
		fake->unit_room = fake->unit_room ? fake->unit_room * 2 : 64;
		fake->units =
			must_realloc(fake->units, fake->unit_room * sizeof(*fake->units));
	}
	struct unit_name name = {
		.key = {.xxh = xxh128_of(bytes, len), .len = (uint32_t)len},
		.sha = sha256_of(bytes, len),
	};
	fake->units[fake->unit_count++] = (struct fake_unit){
		.name = name, .bytes = (uint8_t *)must_memdup(bytes, len)};
	return name.sha;
}

/* ---- answers ---- */

static inline void fake_flush(struct fake *fake)
{
	struct reader late = reader_of(fake->late.at, fake->late.len);
	struct error error;
	while (late.left > 0) {
		uint16_t type = reader_u16(&late);
		uint32_t len = reader_u32(&late);
		const uint8_t *payload = reader_bytes(&late, len);
		link_queue(&fake->link, type, payload, len);
	}
	buffer_clear(&fake->late);
	fake->unanswered = 0;
	(void)link_flush(&fake->link, &error);
}

static inline void fake_answer(struct fake *fake, uint16_t type,
			       const struct buffer *payload, uint32_t units)
{
	buffer_put_u16(&fake->late, type);
	buffer_put_u32(&fake->late, (uint32_t)payload->len);
	buffer_put(&fake->late, payload->at, payload->len);
	fake->unanswered += units;
	if (fake->unanswered > fake->most_unanswered)
		fake->most_unanswered = fake->unanswered;
}

static inline void fake_put_candidates(struct fake *fake, const struct unit_key *key,
				       struct buffer *out)
{
	const struct fake_unit *unit = fake_find(fake, key, NULL);
	bool lies = fake->lies_in_offers;
	buffer_put_u8(out, lies || unit ? 1 : 0);
	struct digest wrong = {{1}};
	if (lies || unit)
		buffer_put(out, lies ? wrong.bytes : unit->name.sha.bytes, SHA256_LEN);
}

static inline void fake_ask(struct fake *fake, const struct link_message *message)
{
	struct reader in = reader_of(message->payload, message->len);
	uint32_t count = reader_u32(&in);
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put_u32(&out, count);
	for (uint32_t i = 0; i < count; i++) {
		struct unit_key key;
		reader_copy(&in, key.xxh.bytes, XXH128_LEN);
		key.len = reader_u32(&in);
		claim(!in.failed && key.len > 0 && key.len <= UNIT_LEN_MAX);
		fake_put_candidates(fake, &key, &out);
	}
	claim(in.left == 0);
	fake->asked += count;
	fake_answer(fake, MSG_OFFER, &out, count);
}

static inline void fake_units(struct fake *fake, const struct link_message *message)
{
	struct units_message units;
	struct error error;
	claim(units_decode(message->payload, message->len, &units, &error) == 0);
	uint8_t *raw AUTO_FREE = must_alloc(units.raw_len);
	struct codec *codec = codec_new(1);
	claim(codec_unpack(codec, units.codec, units.payload, units.payload_len, raw,
			   units.raw_len, &error) == 0);
	codec_free(codec);
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put_u32(&out, units.count);
	size_t at = 0;
	for (uint32_t i = 0; i < units.count; i++) {
		struct unit_key key = units_key_at(&units, i);
		struct xxh128 xxh = xxh128_of(raw + at, key.len);
		claim(xxh128_equal(&xxh, &key.xxh));
		struct digest sha = fake_keep(fake, raw + at, key.len);
		sha.bytes[0] ^= fake->lies_once_stored;
		fake->lies_once_stored = false;
		buffer_put(&out, sha.bytes, SHA256_LEN);
		at += key.len;
	}
	if (units.raw_len > fake->largest_frame)
		fake->largest_frame = units.raw_len;
	fake->sent += units.kind == FRAME_CONTENT ? units.count : 0;
	if (units.kind == FRAME_PIECE) {
		fake->sent_pieces += units.count;
		if (fake->on_piece)
			(void)sem_post(fake->on_piece);
	}
	fake_answer(fake, MSG_STORED, &out, units.count);
}

static inline void fake_send_layer(struct fake *fake, uint16_t type)
{
	struct msg_layer layer = {
		.layer = text_of("0123456789abcdef"),
		.workflow = text_of("w"),
		.run = text_of("1"),
		.job = text_of("j"),
		.attempt = text_of("1"),
		.sequence = 1,
		.digest = {(const char *)fake->digest.bytes, SHA256_LEN},
	};
	if (fake->hides_digest)
		layer.digest = (struct text){0};
	struct msg_committed committed = {.layer = layer};
	static const char session[16];
	struct msg_ready ready = {.session = {session, sizeof(session)}};
	ready.has_committed = fake->committed;
	if (fake->committed)
		ready.committed = layer;
	struct error error;
	(void)link_send_control(&fake->link, type,
				type == MSG_READY ? (const void *)&ready : &committed,
				&error);
}

/* ---- the conversation ---- */

static inline void fake_commit(struct fake *fake, const struct link_message *message)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_commit commit;
	struct error error;
	claim(message_decode(&memory, MSG_COMMIT, message->payload, message->len, &commit,
			     &error) == 0);
	if (commit.root.len > 0) {
		buffer_clear(&fake->root);
		buffer_put(&fake->root, commit.root.at, commit.root.len);
	}
	fake->digest = sha256_of(fake->root.at, fake->root.len);
	fake->digest.bytes[0] ^= fake->lies_about_digest;
	fake->committed = true;
}

static inline void fake_persist(struct fake *fake, const struct link_message *message)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_persist persist;
	struct error error;
	claim(message_decode(&memory, MSG_PERSIST, message->payload, message->len,
			     &persist, &error) == 0);
	memcpy(fake->key, persist.key.at, sizeof(fake->key));
	fake->again = persist.again;
	fake_send_layer(fake, MSG_READY);
}

static inline void fake_hello(struct fake *fake)
{
	struct text hashes[] = {text_of("xxh3-128"), text_of("sha256")};
	struct text codecs[] = {text_of("zstd")};
	struct msg_welcome welcome = {
		.version = PROTOCOL_VERSION,
		.software = text_of("fake"),
		.hashes = {hashes, 2},
		.codecs = {codecs, 1},
		.ask_window = fake->window,
		.keepalive_ms = 1000,
	};
	struct error error;
	claim(link_send_control(&fake->link, MSG_WELCOME, &welcome, &error) == 0);
	link_greeted(&fake->link);
}

static inline void fake_refuse(struct fake *fake)
{
	struct msg_error refusal = {.code = error_to_wire(fake->error_at_first_ask),
				    .message = text_of("the fake daemon was told to")};
	struct error error;
	(void)link_send_control(&fake->link, MSG_ERROR, &refusal, &error);
}

/* false: the conversation has ended. */
static inline bool fake_take(struct fake *fake, const struct link_message *message)
{
	if (message->type == MSG_HELLO)
		fake_hello(fake);
	if (message->type == MSG_PERSIST)
		fake_persist(fake, message);
	if (message->type == MSG_ASK && fake->error_at_first_ask) {
		fake_refuse(fake);
		return false;
	}
	if (message->type == MSG_ASK)
		fake_ask(fake, message);
	if (message->type == MSG_UNITS)
		fake_units(fake, message);
	if (message->type == MSG_ROOT) {
		buffer_clear(&fake->root);
		buffer_put(&fake->root, message->payload, message->len);
	}
	if (message->type == MSG_COMMIT) {
		fake_commit(fake, message);
		if (fake->messages != fake->drop_at)
			fake_send_layer(fake, MSG_COMMITTED);
	}
	return true;
}

/* Whether what is to be answered is answered now, or another message taken first. */
static inline bool fake_may_answer(struct fake *fake)
{
	struct error error;
	if (fake->answers_after <= 0 || fake->sent == 0)
		return !fake->answers_late || link_wait(&fake->link, 20, &error) == 0;
	fake->link.wake_fd = fake->answers_after;
	bool woken = link_wait(&fake->link, -1, &error) == ERR_INTERRUPTED;
	fake->link.wake_fd = -1;
	return woken && link_wait(&fake->link, 0, &error) == 0;
}

/* Until the client closes, or drop_at. Late answers wait until 20 ms bring nothing. */
static inline void fake_serve(struct fake *fake)
{
	struct error error;
	while (true) {
		if (fake_may_answer(fake))
			fake_flush(fake);
		struct link_message message = {0};
		if (link_receive(&fake->link, &message, 0, &error) < 0)
			return;
		fake->messages++;
		bool drops = fake->messages == fake->drop_at;
		bool goes_on = (drops && message.type != MSG_COMMIT) ||
			       fake_take(fake, &message);
		free(message.payload);
		if (drops || !goes_on)
			return;
	}
}

static inline void *fake_run(void *context)
{
	struct fake *fake = context;
	fake_serve(fake);
	link_fini(&fake->link);
	return NULL;
}

/* Takes the socket; greeted already. */
static inline void fake_start(struct fake *fake, int fd)
{
	link_init(&fake->link, transport_of_socket(fd), -1, "the client");
	fake->link.silence_ms = 60000;
	link_greeted(&fake->link);
	claim(pthread_create(&fake->thread, NULL, fake_run, fake) == 0);
}

static inline void fake_join(struct fake *fake)
{
	(void)pthread_join(fake->thread, NULL);
}

static inline void fake_fini(struct fake *fake)
{
	for (size_t i = 0; i < fake->unit_count; i++)
		free(fake->units[i].bytes);
	free(fake->units);
	buffer_fini(&fake->root);
	buffer_fini(&fake->late);
}

/* ---- what a layer holds ---- */

/* The content of a file row, put together from units kept here. false: a unit is missing.
 */
static inline bool fake_content(const struct fake *fake, const struct row *row,
				struct buffer *out)
{
	buffer_clear(out);
	for (size_t i = 0; i < row->unit_count; i++) {
		const struct fake_unit *unit =
			fake_find(fake, &row->units[i].key, &row->units[i].sha);
		if (!unit)
			return false;
		buffer_put(out, unit->bytes, unit->name.key.len);
	}
	return true;
}

/* Whether the layer with this root has a file of this content at path. */
static inline bool fake_has_file(const struct fake *fake, const struct buffer *encoded,
				 const char *path, const void *data, size_t len)
{
	struct error error;
	struct root root AUTO(root_fini) = {0};
	claim(root_decode(encoded->at, encoded->len, &root, &error) == 0);
	struct buffer content AUTO(buffer_fini) = {0};
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	for (size_t i = 0; i < root.piece_count; i++) {
		const struct unit_name *name = &root.pieces[i].name;
		const struct fake_unit *piece = fake_find(fake, &name->key, &name->sha);
		claim(piece &&
		      piece_open(&decoder, piece->bytes, name->key.len, &error) == 0);
		struct row row;
		while (row_decoder_next(&decoder, &row, &error) == 1) {
			bool is_it = row.path_len == strlen(path) &&
				     memcmp(row.path, path, row.path_len) == 0;
			if (is_it)
				return row.type == ROW_FILE &&
				       fake_content(fake, &row, &content) &&
				       content.len == len &&
				       (len == 0 || memcmp(content.at, data, len) == 0);
		}
	}
	return false;
}

#endif
