/* Placements and blocks: a byte that says which, one with the number of pieces or
 * mentions, then the bytes. */
#include "daemon/store/layer/placement.h"

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void read_placement(struct reader *in, size_t count)
{
	struct placement placement AUTO(placement_fini) = {0};
	struct buffer again AUTO(buffer_fini) = {0};
	struct error error = {0};
	if (placement_decode(in->at, in->left, count, &placement, &error) < 0)
		return;
	claim(placement_encode(&again, &placement, &error) == 0);
	/* One of an older format is written as one of today's. */
	claim(again.at[0] == in->at[0] ? same_bytes(in->at, in->left, again.at, again.len)
				       : again.at[0] > in->at[0]);
}

static void read_block(struct reader *in, size_t count)
{
	struct block block AUTO(block_fini) = {0};
	struct buffer again AUTO(buffer_fini) = {0};
	struct error error = {0};
	if (block_decode(in->at, in->left, count, &block, &error) < 0)
		return;
	for (size_t i = 0; i < block.mention_count; i++)
		claim(block.mentions[i] < block.frame_count);
	for (size_t i = 0; i < block.frame_count; i++)
		claim(block.frames[i].segment < block.segments.count);
	claim(block_encode(&again, &block, &error) == 0);
	claim(same_bytes(in->at, in->left, again.at, again.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	bool is_block = reader_u8(&in) % 2;
	size_t count = reader_u8(&in);
	if (is_block)
		read_block(&in, count);
	else
		read_placement(&in, count);
	return 0;
}
