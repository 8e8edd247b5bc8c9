#include "tests/harness/catalogue_steps.h"

#include <string.h>

#include "daemon/store/facts/facts.h"
#include "daemon/view/view.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

void visit_fini(struct visit *visit)
{
	catalogue_history_fini(&visit->history);
}

int visit_catalogue(struct catalogue *catalogue, const struct who *who,
		    enum contact_kind kind, struct visit *ret_visit, struct error *error)
{
	struct text needs[WHO_NEEDS_MAX];
	size_t need_count = 0;
	for (size_t i = 0; i < WHO_NEEDS_MAX && who->needs[i]; i++)
		needs[need_count++] = text_of(who->needs[i]);
	const struct identity identity = {
		.scope = {.namespace = text_of(who->namespace),
			  .tier = who->tier,
			  .both = who->both},
		.workflow = text_of(who->workflow),
		.run = text_of(who->run),
		.job = text_of(who->job),
		.shard = text_of(who->shard),
		.attempt = text_of(who->attempt),
		.execution = text_of(who->execution),
		.needs = {.items = needs, .count = need_count},
		.has_needs = who->has_needs || need_count > 0,
		.retry_of = text_of(who->retry_of),
		.retry_none = who->retry_none,
		.retry_detected = who->retry_detected,
	};
	const struct contact_request request = {
		.identity = identity, .kind = kind, .inherited = view_inherited};
	return catalogue_contact(catalogue, &request, &ret_visit->contact,
				 &ret_visit->history, error);
}

void numbered_key(uint32_t number, uint8_t ret_key[KEY_LEN])
{
	memset(ret_key, 0, KEY_LEN);
	memcpy(ret_key, &number, sizeof(number));
}

struct digest numbered_digest(uint32_t number)
{
	return sha256_of(&number, sizeof(number));
}

/* As a persist that fills in what it has found out. */
static int commit_reserved(struct catalogue *catalogue, struct layer_facts *layer,
			   uint32_t key, uint32_t content, const struct contact *contact,
			   struct layer_record *ret_record, struct error *error)
{
	struct segment_row segment = {
		.namespace_id = contact->namespace_id,
		.vouched = 1000u + key,
		.location = "numbered.seg",
		.state = SEGMENT_OPEN,
	};
	memcpy(segment.id.bytes, &key, sizeof(key));
	layer->digest = numbered_digest(key);
	layer->content = numbered_digest(content);
	layer->totals = (struct totals){.files = key, .bytes = 10u * key, .units = key};
	layer->new_bytes = 10u * key;
	layer->stored_bytes = 5u * key;
	layer->root = (struct stored_place){.segment = segment.id, .offset = 64};
	layer->placement = (struct stored_place){.segment = segment.id, .offset = 512};
	numbered_key(key, layer->key);
	const struct layer_commit commit = {
		.layer = layer,
		.segments = &segment.id,
		.segment_count = 1,
		.written = &segment,
		.written_count = 1,
	};
	bool again;
	return catalogue_commit_layer(catalogue, &commit, ret_record, &again, error);
}

int commit_numbered(struct catalogue *catalogue, const struct contact *contact,
		    uint32_t key, uint32_t content, struct layer_record *ret_record,
		    struct error *error)
{
	struct layer_facts layer AUTO(layer_facts_fini) = {0};
	int result = facts_reserve(catalogue, contact->execution_id, &layer, error);
	if (result == 0)
		result = commit_reserved(catalogue, &layer, key, content, contact,
					 ret_record, error);
	facts_release(catalogue, &layer);
	return result;
}

static uint64_t one_for_all(void *context, struct text namespace, enum tier tier)
{
	(void)namespace;
	(void)tier;
	return *(const uint64_t *)context;
}

int expire_after(struct catalogue *catalogue, uint64_t retention_ms,
		 struct expiry *ret_expiry, struct error *error)
{
	const struct expiry_terms terms = {.retention_ms = one_for_all,
					   .context = &retention_ms,
					   .shortest_ms = retention_ms,
					   .lets_most_through = true};
	return expiry_run(catalogue, &terms, ret_expiry, error);
}
