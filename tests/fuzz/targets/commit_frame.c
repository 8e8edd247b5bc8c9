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
	commit_frame_encode(&again, &mark);
	claim(commit_frame_decode(again.at, again.len, &other, &error) == 0);
	claim(other.store == mark.store && other.commits == mark.commits);
	return 0;
}
