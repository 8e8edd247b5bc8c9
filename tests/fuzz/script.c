#include "tests/fuzz/script.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/unit/frame.h"
#include "tests/fuzz/script_tree.h"

enum step {
	STEP_END,
	STEP_ASK,
	STEP_UNITS,
	STEP_PIECE,
	STEP_COMMIT,
	STEP_ROOT,
	STEP_BEND,
	STEP_RAW,
	STEP_WANT,
	STEP_ATTACHED,
	STEP_WANT_ROWS,
	STEP_KEEPALIVE,
	STEPS,
};

static void put_message(struct buffer *out, uint16_t type, const void *payload,
			size_t len)
{
	struct header_bytes header = header_encode(type, len);
	buffer_put(out, header.at, sizeof(header.at));
	if (len)
		buffer_put(out, payload, len);
}

static void put_control(struct buffer *out, uint16_t type, const void *message)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, type, message);
	put_message(out, type, payload.at, payload.len);
}

/* ---- the request ---- */

static struct text word(struct reader *in, const char *const *words, unsigned count)
{
	return text_of(words[reader_u8(in) % count]);
}

static const char *const jobs[] = {"a", "b", "c", "a"};
static const char *const runs[] = {"", "1", "2", "3"};

static void read_identity(struct reader *in, const struct script_memory *memory,
			  struct text items[SCRIPT_LISTS_MAX],
			  struct msg_identity *identity)
{
	static const char *const workflows[] = {"w", "w", "x", ""};
	static const char *const shards[] = {"", "", "1/2", "2/2"};
	uint8_t flags = reader_u8(in);
	identity->namespace = text_of(memory->namespace);
	identity->workflow = word(in, workflows, 4);
	identity->job = word(in, jobs, 4);
	identity->run = word(in, runs, 4);
	identity->shard = word(in, shards, 4);
	identity->attempt = flags & 1 ? text_of("2") : text_of(NULL);
	identity->has_needs = flags & 2;
	identity->needs.items = items;
	identity->needs.count = flags & 2 ? (flags >> 4) % 3 : 0;
	for (size_t i = 0; i < identity->needs.count; i++)
		items[i] = text_of(jobs[i]);
	identity->retry_of = flags & 4 ? text_of("x") : text_of(NULL);
	identity->retry_none = flags & 8;
	identity->retry_detected = flags & 0x80;
}

static void put_persist(struct reader *in, const struct script_memory *memory,
			struct buffer *out)
{
	struct text items[SCRIPT_LISTS_MAX];
	struct msg_persist persist = {0};
	char key[KEY_LEN] = {0};
	read_identity(in, memory, items, &persist.identity);
	uint8_t flags = reader_u8(in);
	key[0] = (char)(flags & 3);
	persist.key = (struct text){key, sizeof(key)};
	persist.base = flags & 4 ? text_of(memory->layer) : text_of(NULL);
	persist.again = flags & 8;
	message_encode(out, MSG_PERSIST, &persist);
}

static struct text pattern(struct reader *in)
{
	size_t len = reader_u8(in) % 16;
	return (struct text){(const char *)reader_bytes(in, len), in->failed ? 0 : len};
}

static void put_attach(struct reader *in, const struct script_memory *memory,
		       struct buffer *out)
{
	static const char *const ways[] = {"error", "first", "last", "error"};
	struct text items[SCRIPT_LISTS_MAX], only, exclude, from = text_of("b");
	struct msg_attach attach = {0};
	read_identity(in, memory, items, &attach.identity);
	uint8_t flags = reader_u8(in), more = reader_u8(in);
	attach.purpose = text_of(flags & 1 ? "look" : "attach");
	attach.on_conflict = word(in, ways, 4);
	attach.by_job = flags & 2;
	attach.parents = flags & 4;
	attach.if_empty = flags & 8;
	attach.stale = flags & 16 ? text_of("keep") : text_of(NULL);
	attach.tier = flags & 32 ? text_of("untrusted") : text_of(NULL);
	attach.layer = flags & 64 ? text_of(memory->layer) : text_of(NULL);
	attach.from_workflow = flags & 128 ? text_of("w") : text_of(NULL);
	if (more & 1) {
		only = pattern(in);
		attach.only = (struct text_list){&only, 1};
	}
	if (more & 2) {
		exclude = pattern(in);
		attach.exclude = (struct text_list){&exclude, 1};
	}
	if (more & 4)
		attach.from = (struct text_list){&from, 1};
	if (more & 8)
		attach.prefer = (struct text_list){&from, 1};
	message_encode(out, MSG_ATTACH, &attach);
}

static void put_log(struct reader *in, const struct script_memory *memory,
		    struct buffer *out)
{
	struct text items[SCRIPT_LISTS_MAX];
	struct msg_log log = {0};
	read_identity(in, memory, items, &log.identity);
	log.all = reader_u8(in) & 1;
	message_encode(out, MSG_LOG, &log);
}

static void read_request(struct reader *in, const struct script_memory *memory,
			 struct script *script)
{
	static const struct msg_empty nothing;
	static const uint16_t types[] = {MSG_PERSIST, MSG_PERSIST, MSG_ATTACH,
					 MSG_ATTACH,  MSG_LOG,     MSG_STATUS};
	script->type = types[reader_u8(in) % (sizeof(types) / sizeof(*types))];
	script->asker = reader_u8(in);
	if (script->type == MSG_PERSIST)
		put_persist(in, memory, &script->request);
	else if (script->type == MSG_ATTACH)
		put_attach(in, memory, &script->request);
	else if (script->type == MSG_LOG)
		put_log(in, memory, &script->request);
	else
		message_encode(&script->request, MSG_STATUS, &nothing);
}

/* ---- what follows ---- */

static void put_ask(struct buffer *out, const struct script_tree *tree, uint8_t which)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	struct unit_name names[SCRIPT_UNITS];
	uint32_t count = script_tree_units(tree, which, names, NULL);
	buffer_put_u32(&payload, count);
	for (uint32_t i = 0; i < count; i++) {
		buffer_put(&payload, names[i].key.xxh.bytes, XXH128_LEN);
		buffer_put_u32(&payload, names[i].key.len);
	}
	put_message(out, MSG_ASK, payload.at, payload.len);
}

static void put_units(struct buffer *out, uint8_t kind, const struct unit_name *names,
		      uint32_t count, const struct buffer *raw)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	struct unit_key keys[SCRIPT_UNITS];
	for (uint32_t i = 0; i < count; i++)
		keys[i] = names[i].key;
	units_head_encode(&payload, kind, CODEC_RAW, (uint32_t)raw->len, keys, count);
	if (raw->len)
		buffer_put(&payload, raw->at, raw->len);
	put_message(out, MSG_UNITS, payload.at, payload.len);
}

static void put_contents(struct buffer *out, const struct script_tree *tree,
			 uint8_t which)
{
	struct buffer raw AUTO(buffer_fini) = {0};
	struct unit_name names[SCRIPT_UNITS];
	uint32_t count = script_tree_units(tree, which, names, &raw);
	put_units(out, FRAME_CONTENT, names, count, &raw);
}

static void put_raw(struct reader *in, struct buffer *out)
{
	uint16_t type = reader_u8(in);
	size_t len = reader_u8(in);
	if (len > in->left)
		len = in->left;
	put_message(out, type, reader_bytes(in, len), len);
}

static void put_want(struct reader *in, struct buffer *out)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	buffer_put_u8(&payload, reader_u8(in) & 3);
	buffer_put_u8(&payload, 0);
	buffer_put_u16(&payload, 0);
	buffer_put_u64(&payload, reader_u8(in));
	uint8_t bits = reader_u8(in);
	buffer_put_u8(&payload, bits);
	put_message(out, MSG_WANT, payload.at, payload.len);
}

/* Some byte of the last message becomes another; in its header, too. */
static void bend(struct reader *in, struct buffer *out, size_t last)
{
	size_t at = reader_u16(in);
	uint8_t other = reader_u8(in);
	if (out->len > last)
		out->at[last + at % (out->len - last)] ^= other;
}

static void put_step(struct reader *in, struct buffer *out, enum step step,
		     struct script_tree *tree)
{
	static const struct msg_empty nothing;
	const struct msg_attached attached = {
		.digest = {(const char *)tree->name.sha.bytes, SHA256_LEN}};
	const struct text root = {(const char *)tree->root.at, tree->root.len};
	struct msg_commit commit = {.root = root};
	switch (step) {
	case STEP_ASK:
		put_ask(out, tree, reader_u8(in));
		break;
	case STEP_UNITS:
		put_contents(out, tree, reader_u8(in));
		break;
	case STEP_PIECE:
		put_units(out, FRAME_PIECE, &tree->name, 1, &tree->piece);
		break;
	case STEP_COMMIT:
		put_control(out, MSG_COMMIT, &commit);
		break;
	case STEP_ROOT:
		put_message(out, MSG_ROOT, root.at, root.len);
		commit.root = text_of(NULL);
		put_control(out, MSG_COMMIT, &commit);
		break;
	case STEP_RAW:
		put_raw(in, out);
		break;
	case STEP_WANT:
		put_want(in, out);
		break;
	case STEP_ATTACHED:
		put_control(out, MSG_ATTACHED, &attached);
		break;
	case STEP_WANT_ROWS:
	case STEP_KEEPALIVE:
		put_control(out, step == STEP_WANT_ROWS ? MSG_WANT_ROWS : MSG_KEEPALIVE,
			    &nothing);
		break;
	default:
		break;
	}
}

void script_read(struct reader *in, const struct script_memory *memory,
		 struct script *ret_script)
{
	struct script_tree tree AUTO(script_tree_fini) = {0};
	*ret_script = (struct script){0};
	read_request(in, memory, ret_script);
	script_tree_read(in, &tree);
	size_t last = 0;
	enum step step;
	while ((step = reader_u8(in) % STEPS) != STEP_END) {
		size_t begins = ret_script->said.len;
		if (step == STEP_BEND) {
			bend(in, &ret_script->said, last);
			continue;
		}
		put_step(in, &ret_script->said, step, &tree);
		last = begins;
	}
}

void script_fini(struct script *script)
{
	buffer_fini(&script->request);
	buffer_fini(&script->said);
}
