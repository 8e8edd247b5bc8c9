/*
 * Attach, in the order of PROTOCOL.md §6: VIEW, ROWS, ROWS_END (once they are wanted,
 * where the client holds them), then rounds of WANT and FRAMEs, then ATTACHED and
 * RECORDED.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history/names.h"
#include "daemon/session/layer_message.h"
#include "daemon/session/session.h"
#include "daemon/session/view.h"
#include "daemon/store/segment/table.h"
#include "daemon/task/budget.h"
#include "daemon/verb/conflict.h"
#include "daemon/verb/frame_doubt.h"
#include "daemon/verb/verb.h"
#include "daemon/workspace/frame_plan.h"
#include "daemon/workspace/tree.h"
#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/codec.h"

/* Rows gather up to this size; one more row is at most PIECE_ALONE_MAX. */
#define ROWS_LEN_TARGET (256u * 1024u)
#define ROWS_HEADER_LEN 12u

struct attaching {
	struct session *session;   /* borrowed */
	struct session_view *view; /* borrowed */
	struct view_tree *tree;    /* owned */
	struct frame_plan *plan;   /* owned */
	struct codec *codec;       /* owned; NULL: rows are sent uncompressed */
	struct buffer rows, packed;
	uint32_t row_count;
	char *previous; /* owned; path of the row before in this message */
	size_t previous_len;
	struct totals totals;
	uint64_t conflicts;
	bool held;                 /* the client has the rows; they were not sent */
	struct budget_share share; /* of the memory for views; up to the last row */
};

static void give_memory_back(struct attaching *attach)
{
	atomic_store(attach->session->holds_memory, false);
	budget_give_back(&attach->share);
}

static void attach_fini(struct attaching *attach)
{
	tree_free(attach->tree);
	give_memory_back(attach);
	frame_plan_free(attach->plan);
	codec_free(attach->codec);
	buffer_fini(&attach->rows);
	buffer_fini(&attach->packed);
	free(attach->previous);
}

/* ---- ROWS ---- */

static int send_rows(struct attaching *attach, struct error *error)
{
	if (attach->row_count == 0)
		return 0;
	enum codec_id used = CODEC_RAW;
	size_t len = attach->rows.len;
	const uint8_t *payload = attach->rows.at;
	if (attach->codec) {
		buffer_clear(&attach->packed);
		int err = buffer_may_reserve(&attach->packed, len, error);
		if (err == 0)
			err = codec_pack(attach->codec, attach->rows.at, attach->rows.len,
					 attach->packed.at, len, &used, &len, error);
		if (err)
			return err;
		payload = attach->packed.at;
	}
	AUTO(buffer_fini) struct buffer head = {0};
	buffer_put_u8(&head, (uint8_t)used);
	buffer_put_u8(&head, 0);
	buffer_put_u16(&head, 0);
	buffer_put_u32(&head, (uint32_t)attach->rows.len);
	buffer_put_u32(&head, attach->row_count);
	struct iovec pieces[] = {
		{.iov_base = head.at, .iov_len = head.len},
		{.iov_base = (void *)(uintptr_t)payload, .iov_len = len}};
	attach->row_count = 0;
	attach->previous_len = 0;
	int err = link_send(&attach->session->link, MSG_ROWS, pieces, 2, error);
	buffer_clear(&attach->rows);
	return err;
}

static int put_row(struct attaching *attach, const struct merged_row *merged,
		   struct error *error)
{
	const struct row *row = &merged->row;
	int err = buffer_may_reserve(
		&attach->rows,
		row_len_max(row) + (3 + merged->conflict_source_count) * sizeof(uint64_t),
		error);
	if (err)
		return err;
	buffer_put_varint(&attach->rows, merged->source);
	buffer_put_u8(&attach->rows, merged->conflict ? 3 : 0);
	if (merged->conflict)
		attach->conflicts++;
	row_encode(&attach->rows, attach->previous, attach->previous_len, row, NULL);
	if (merged->conflict) {
		buffer_put_varint(&attach->rows, merged->conflict_source_count);
		for (size_t i = 0; i < merged->conflict_source_count; i++)
			buffer_put_varint(&attach->rows, merged->conflict_sources[i]);
	}
	memcpy(attach->previous, row->path, row->path_len);
	attach->previous_len = row->path_len;
	attach->row_count++;
	totals_add_row(&attach->totals, row);
	return 0;
}

static int plan_units(struct attaching *attach, const struct merged_row *merged,
		      struct error *error)
{
	for (size_t i = 0; i < merged->row.unit_count; i++) {
		struct frame_place place;
		int err = tree_place(attach->tree, merged, i, &place, error);
		if (err)
			return err;
		err = frame_plan_add(attach->plan, &place, error);
		if (err)
			return err;
	}
	return 0;
}

/* Whether there are conflicts that neither an option decides nor a mark allows. */
static bool is_in_conflict(const struct attaching *attach)
{
	return attach->view->options.merge.on_conflict == ON_CONFLICT_ERROR &&
	       merge_conflict_count(tree_merge(attach->tree)) > 0;
}

static int too_many_units(struct error *error)
{
	(void)error_set(error, ERR_LIMIT, "this view has more than %u units",
			LAYER_UNITS_MAX);
	return error_advise(error, ADVICE_NARROW);
}

/* Gathers the rows of one message. 1: there are more; 0: these were the last. */
static int gather_rows(struct attaching *attach, struct error *error)
{
	int result = 1;
	struct merged_row merged;
	while (attach->rows.len < ROWS_LEN_TARGET &&
	       (result = tree_next(attach->tree, &merged, error)) == 1) {
		/* Once an attach is sure to fail, only its conflicts are of interest. */
		if (is_in_conflict(attach))
			continue;
		if (attach->totals.units + merged.row.unit_count > LAYER_UNITS_MAX)
			return too_many_units(error);
		int planned = plan_units(attach, &merged, error);
		if (planned == 0)
			planned = put_row(attach, &merged, error);
		if (planned)
			return planned;
	}
	return result;
}

static int stream_rows(struct attaching *attach, struct error *error)
{
	struct crew *crew = attach->session->services->crew;
	int result = 1;
	while (result == 1) {
		int silent = session_begin_silence(attach->session, error);
		if (silent)
			return silent;
		crew_enter(crew);
		result = gather_rows(attach, error);
		crew_leave(crew);
		session_end_silence(attach->session);
		int sent = result < 0 ? 0 : send_rows(attach, error);
		if (sent)
			return sent;
	}
	return result;
}

/* ---- what ends an attach before its first frame ---- */

static int check_rows(struct attaching *attach, struct error *error)
{
	if (attach->tree && is_in_conflict(attach))
		return conflict_refuse(attach->session, attach->view,
				       tree_merge(attach->tree), error);
	const struct msg_attach *request = &attach->session->request->attach;
	bool nothing = totals_rows(&attach->totals) == 0;
	if (!nothing || !attach->view->filtered || request->if_empty)
		return 0;
	(void)error_set(error, ERR_EMPTY, "nothing in this view matches");
	return error_advise(error, ADVICE_FILTERS | ADVICE_ALLOW_EMPTY);
}

static int send_rows_end(struct attaching *attach, struct error *error)
{
	struct msg_rows_end message = {
		.files = attach->totals.files,
		.directories = attach->totals.directories,
		.symlinks = attach->totals.symlinks,
		.bytes = attach->totals.bytes,
		.units = attach->totals.units,
		.conflicts = attach->conflicts,
	};
	attach->session->files = attach->totals.files;
	attach->session->bytes = attach->totals.bytes;
	return link_send_control(&attach->session->link, MSG_ROWS_END, &message, error);
}

/* ---- WANT and FRAME ---- */

static int send_frames(struct attaching *attach, struct error *error)
{
	struct frame_place place;
	int allowed = access_may_finish(attach->session->services->access,
					attach->session->principal, error);
	if (allowed)
		return allowed;
	frame_plan_begin(attach->plan);
	while (frame_plan_next(attach->plan, &place)) {
		int err = frame_doubt_hear(&attach->session->link, error);
		if (err)
			return err;
		err = link_send_file(
			&attach->session->link, MSG_FRAME, segment_fd(place.segment),
			segment_place(place.segment, place.offset), place.len, error);
		if (err)
			return err;
	}
	struct msg_empty end = {0};
	return link_send_control(&attach->session->link, MSG_FRAMES_END, &end, error);
}

static int on_want(struct attaching *attach, const struct link_message *message,
		   struct error *error)
{
	struct reader in = reader_of(message->payload, message->len);
	uint8_t last = reader_u8(&in);
	uint32_t zero = reader_u8(&in);
	zero |= reader_u16(&in);
	uint64_t first = reader_u64(&in);
	if (in.failed || last > 1 || zero || first % 8)
		return error_set(error, ERR_PROTOCOL, "WANT: is malformed");
	if (!frame_plan_want(attach->plan, first, in.at, in.left))
		return error_set(error, ERR_PROTOCOL,
				 "WANT: asks for units that ROWS did not mention");
	return last ? send_frames(attach, error) : 0;
}

static int record(struct attaching *attach, struct error *error)
{
	struct session *session = attach->session;
	const struct session_view *view = attach->view;
	if (!view->is_kept || view->contact.execution_id == 0 ||
	    view->view.layer_count == 0)
		return 0;
	int64_t *ids = arena_take(session->arena, view->view.layer_count * sizeof(*ids));
	for (size_t i = 0; i < view->view.layer_count; i++)
		ids[i] = view->history.records[view->view.layers[i].layer].id;
	int err = session_begin_silence(session, error);
	if (err)
		return err;
	err = catalogue_record_attach(store_catalogue(session->services->store),
				      &view->contact, ids, view->view.layer_count, error);
	session_end_silence(session);
	return err;
}

static int on_attached(struct attaching *attach, const struct link_message *message,
		       struct error *error)
{
	AUTO(message_memory_fini) struct message_memory memory = {0};
	struct msg_attached attached;
	int err = message_decode(&memory, MSG_ATTACHED, message->payload, message->len,
				 &attached, error);
	if (err == 0)
		err = record(attach, error);
	struct msg_empty recorded = {0};
	return err ? err
		   : link_send_control(&attach->session->link, MSG_RECORDED, &recorded,
				       error);
}

/* What follows VIEW, up to ROWS_END. */
static int send_tree(struct attaching *attach, struct error *error)
{
	int err = attach->tree ? stream_rows(attach, error) : 0;
	if (err == 0)
		err = check_rows(attach, error);
	if (err == 0)
		err = frame_plan_end(attach->plan, error);
	if (err == 0 && attach->tree)
		tree_keep_pins(attach->tree);
	give_memory_back(attach);
	return err ? err : send_rows_end(attach, error);
}

static int on_want_rows(struct attaching *attach, struct error *error)
{
	if (!attach->held)
		return error_set(error, ERR_PROTOCOL,
				 "WANT_ROWS: they were sent already");
	attach->held = false;
	return send_tree(attach, error);
}

/* Answers requests until ATTACHED; then returns 0. */
static int serve(struct attaching *attach, struct error *error)
{
	bool look = text_is(attach->session->request->attach.purpose, "look");
	bool attached = false;
	int err = 0;
	while (err == 0 && !attached) {
		struct link_message message = {0};
		err = link_receive(&attach->session->link, &message, 0, error);
		if (err == ERR_LOST && look)
			return 0; /* a client that only looks may leave at any time */
		if (err)
			return err;
		attached = message.type == MSG_ATTACHED;
		if (message.type == MSG_WANT)
			err = on_want(attach, &message, error);
		else if (message.type == MSG_WANT_ROWS)
			err = on_want_rows(attach, error);
		else if (attached)
			err = on_attached(attach, &message, error);
		else
			err = error_set(error, ERR_PROTOCOL,
					"%s does not belong into an attach",
					message_type_name(message.type));
		free(message.payload);
	}
	return err;
}

/* Waits for its turn while the views of others hold what there is. */
static int take_memory(struct attaching *attach, struct error *error)
{
	struct session *session = attach->session;
	const struct budget_wish wish = {
		.lane = request_namespace(session->request),
		.cost = tree_memory(attach->tree),
		.wake_fd = session->wake_fd,
		.peer_fd = session->link.transport.fd,
		.wait_ms = session->services->view_wait_ms,
	};
	int err = budget_take(session->services->views, &wish, &attach->share, error);
	if (err == 0)
		atomic_store(session->holds_memory, true);
	return err;
}

static int open_tree(struct attaching *attach, struct error *error)
{
	struct session *session = attach->session;
	const struct session_view *view = attach->view;
	int err = session_begin_silence(session, error);
	if (err)
		return err;
	err = tree_prepare(&view->history, &view->view, &view->options, &attach->tree,
			   error);
	if (err == 0)
		err = take_memory(attach, error);
	if (err == 0)
		err = tree_read(attach->tree, session->services->store, error);
	session_end_silence(session);
	return err;
}

static bool is_held(const struct msg_attach *request, const struct digest *tag)
{
	for (size_t i = 0; i < request->holds.count; i++)
		if (memcmp(request->holds.items[i].at, tag->bytes, SHA256_LEN) == 0)
			return true;
	return false;
}

/* The tree is open: each root has been read, and a missing one was noticed (W8). */
static int send_view(struct attaching *attach, struct error *error)
{
	const struct msg_attach *request = &attach->session->request->attach;
	if (!attach->tree)
		return session_view_send(attach->session, attach->view, NULL, false,
					 error);
	struct digest tag = tree_tag(attach->tree, &request->only, &request->exclude);
	attach->held = is_held(request, &tag);
	return session_view_send(attach->session, attach->view, &tag, attach->held,
				 error);
}

static int attach_view(struct session *session, struct session_view *view,
		       struct error *error)
{
	AUTO(attach_fini) struct attaching attach = {.session = session, .view = view};
	attach.previous = must_alloc(PATH_LEN_MAX);
	attach.plan = frame_plan_new();
	if (!session->local)
		attach.codec = codec_new(1);
	int err = view->view.layer_count ? open_tree(&attach, error) : 0;
	if (err == 0)
		err = send_view(&attach, error);
	if (err == 0 && !attach.held)
		err = send_tree(&attach, error);
	if (err == 0)
		err = serve(&attach, error);
	return err ? frame_doubt_end(&session->link, session->services->store,
				     attach.plan, error)
		   : 0;
}

int verb_attach(struct session *session, struct error *error)
{
	AUTO(session_view_fini) struct session_view view = {0};
	int err = session_view_make(session, &view, error);
	session_end_silence(session);
	return err ? err : attach_view(session, &view, error);
}
