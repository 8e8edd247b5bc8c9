/* What a commit frame says, of the catalogue and of the layer: what was read is written
 * so that it says the same. */
#include "daemon/store/transaction/commit_frame.h"

#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void again(const struct stamp_mark *mark, const struct layer_facts *layer)
{
	struct stamp_mark other;
	struct layer_facts facts AUTO(layer_facts_fini) = {0};
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct error error = {0};
	commit_frame_encode(&bytes, mark, layer);
	claim(commit_frame_decode_layer(bytes.at, bytes.len, &other, &facts, &error) ==
	      (layer ? 1 : 0));
	claim(other.store == mark->store && other.commits == mark->commits);
	if (!layer)
		return;
	claim(facts.id == layer->id && facts.sequence == layer->sequence);
	claim(facts.created_ms == layer->created_ms);
	claim(digest_equal(&facts.digest, &layer->digest));
	claim(text_equal(facts.workflow.name, layer->workflow.name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stamp_mark mark;
	struct layer_facts facts AUTO(layer_facts_fini) = {0};
	struct error error = {0};
	if (commit_frame_decode(data, len, &mark, &error) == 0)
		again(&mark, NULL);
	if (commit_frame_decode_layer(data, len, &mark, &facts, &error) == 1)
		again(&mark, &facts);
	return 0;
}
