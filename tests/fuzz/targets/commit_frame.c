/* What a commit frame says. */
#include "daemon/store/transaction/commit_frame.h"

#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stamp_mark mark, other;
	struct buffer again AUTO(buffer_fini) = {0};
	struct error error = {0};
	if (commit_frame_decode(data, len, &mark, &error) < 0)
		return 0;
	commit_frame_encode(&again, &mark, NULL);
	claim(commit_frame_decode(again.at, again.len, &other, &error) == 0);
	claim(other.store == mark.store && other.commits == mark.commits);
	struct layer_facts layer AUTO(layer_facts_fini) = {0};
	if (commit_frame_decode_layer(data, len, &mark, &layer, &error) == 1)
		claim(layer.id > 0 && layer.sequence > 0 && layer.workflow.name.len > 0);
	return 0;
}
