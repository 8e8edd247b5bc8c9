/* What is left when everything was read: files whose change time proved nothing, units
 * that were believed to be equal. */
#include <errno.h>
#include <stdlib.h>

#include "client/upload/internal.h"
#include "proto/base/cleanup.h"

/* Some ticks of the clock; it may jump. */
#define SETTLE_MS_MAX 50

/* ---- rule T3 at the end ---- */

void upload_leave_out(struct upload *upload, uint32_t number, const char *why)
{
	char *path AUTO_FREE = tree_path_text(upload->tree, number);
	upload_warn(upload, "`%s`: left out, because it %s", path, why);
	struct entry *entry = tree_entry(upload->tree, number);
	entry_set_units(entry, NULL, 0);
	entry->size = 0;
	entry->inode = 0;
	entry->changed_ns = 0;
	entry->is_recorded = false;
	entry->is_row = false;
	entry->is_known = true;
	entry_settle(entry);
	flow_lock(&upload->flow);
	upload->result->skipped++;
	flow_unlock(&upload->flow);
}

int upload_give_up(struct upload *upload, uint32_t number, struct error *error)
{
	if (upload->request->if_changed == IF_CHANGED_SKIP) {
		upload_leave_out(upload, number, "kept changing while it was read");
		return 0;
	}
	char *path AUTO_FREE = tree_path_text(upload->tree, number);
	if (upload->request->if_changed == IF_CHANGED_PREFIX)
		return error_set(error, ERR_CHANGED,
				 "`%s`: kept changing while it was read, not only at its "
				 "end, so that --if-changed=prefix does not help",
				 path);
	return error_set(
		error, ERR_CHANGED,
		"`%s`: kept changing while it was read, %u times; use "
		"--if-changed=skip to leave it out, or =prefix to store what was "
		"there when it was opened",
		path, UPLOAD_READ_AGAIN + 1);
}

/* So that a write from now on changes the change time, where that is not kept in whole
 * seconds. Who waited for one file has mostly waited for all. */
static int wait_for_clock(struct upload *upload, const struct stamp *stamp,
			  struct error *error)
{
	if (stamp_is_settled(stamp))
		return 0;
	(void)stamp_settle(stamp, upload->request->link->wake_fd, SETTLE_MS_MAX);
	return flow_check(&upload->flow, error);
}

static void visit_again(struct upload *upload, const struct revisit *revisit)
{
	flow_lock(&upload->flow);
	revisit_list_add(&upload->again, &(struct revisit){
						 .entry = revisit->entry,
						 .attempt = revisit->attempt + 1,
					 });
	(void)pthread_cond_broadcast(&upload->flow.job);
	flow_unlock(&upload->flow);
}

/* Where the change time still proves nothing, the stat record does not get it. */
static int look_again(struct worker *worker, const struct revisit *revisit,
		      struct error *error)
{
	struct upload *upload = worker->upload;
	const struct entry *entry = tree_entry(upload->tree, revisit->entry);
	int rc = wait_for_clock(upload, &revisit->state.stamp, error);
	if (rc == 0)
		rc = upload_open(worker, revisit->entry, revisit->attempt, error);
	if (rc < 0 || worker->source.fd < 0)
		return rc;
	bool same = source_state_equal(&worker->source.state, &revisit->state);
	bool may_grow = upload->request->if_changed == IF_CHANGED_PREFIX &&
			revisit->attempt == UPLOAD_READ_AGAIN;
	int matches = same || may_grow ? source_matches(worker, entry_units(entry),
							entry->unit_count, error)
				       : 0;
	if (same && matches > 0 && !worker->source.racy)
		source_trust(upload, &worker->source);
	source_close(&worker->source);
	if (matches != 0)
		return matches < 0 ? matches : 0;
	if (revisit->attempt == UPLOAD_READ_AGAIN)
		return upload_give_up(upload, revisit->entry, error);
	visit_again(upload, revisit);
	return 0;
}

int upload_look_again(struct worker *worker, struct error *error)
{
	struct upload *upload = worker->upload;
	struct revisit_list list = upload->racy;
	upload->racy = (struct revisit_list){0};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = look_again(worker, &list.items[i], error);
	free(list.items);
	return rc;
}

/* ---- units that were not equal after all ---- */

static int send_again(struct worker *worker, uint32_t unit, uint64_t offset,
		      struct error *error)
{
	struct upload *upload = worker->upload;
	struct unit_name name = units_name(upload->units, unit);
	struct batch *batch = upload_lease(upload);
	if (!batch)
		return flow_check(&upload->flow, error);
	size_t got;
	int rc = source_read(worker, offset, batch->data, name.key.len, &got, error);
	struct digest now = sha256_of(batch->data, rc == 0 ? got : 0);
	if (rc == 0 && !digest_equal(&now, &name.sha)) {
		char *path AUTO_FREE = tree_path_text(upload->tree, worker->source.entry);
		rc = error_set(error, ERR_CHANGED,
			       "`%s`: changed after it was read; run the persist again",
			       path);
	}
	if (rc < 0) {
		upload_release(upload, batch);
		return rc;
	}
	batch_add(batch, unit, &name.key);
	return upload_ask(upload, batch, error);
}

/* Units of one file that still have to be sent; `sent` notes those of other files. */
static int settle_file(struct worker *worker, uint32_t number, bool *sent,
		       struct error *error)
{
	struct upload *upload = worker->upload;
	const struct entry *entry = tree_entry(upload->tree, number);
	uint64_t offset = 0;
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < entry->unit_count; i++) {
		uint32_t unit = entry_units(entry)[i];
		if (units_is_new(upload->units, unit) && !sent[unit]) {
			sent[unit] = true;
			if (worker->source.fd < 0)
				rc = source_open(worker, number, 0, error);
			if (rc == 0)
				rc = send_again(worker, unit, offset, error);
		}
		offset += units_key(upload->units, unit).len;
	}
	source_close(&worker->source);
	return rc;
}

int upload_settle_claims(struct worker *worker, struct error *error)
{
	struct upload *upload = worker->upload;
	if (units_settle(upload->units) == 0)
		return 0;
	worker->settles = true;
	bool *sent AUTO_FREE = must_calloc(units_count(upload->units), sizeof *sent);
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < upload->tree->count; i++) {
		const struct entry *entry = tree_entry(upload->tree, i);
		if (entry->type == ROW_FILE && entry->is_row)
			rc = settle_file(worker, i, sent, error);
	}
	return rc;
}
