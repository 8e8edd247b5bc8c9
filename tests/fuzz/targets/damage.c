/* The file of damaged frames: what was read is kept, and read again, as much of it. */
#include "daemon/store/segment/damage.h"

#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_io.h"

static struct damage *open_file(const struct io *io)
{
	struct damage *damage = NULL;
	struct error error = {0};
	claim(damage_open(io, MEMORY_DIRECTORY, &damage, &error) == 0);
	return damage;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memory_io memory AUTO(memory_io_fini);
	const struct io *io = memory_io_init(&memory);
	static const struct segment_id segment = {{1}};
	struct error error = {0};
	(void)memory_io_put(&memory, "damaged", data, len);
	struct damage *damage = open_file(io);
	(void)damage_mark(damage, &segment, 64);
	size_t count = damage_count(damage);
	claim(damage_has(damage, &segment, 64) && damage_is_in(damage, &segment));
	claim(damage_keep(damage, &error) == 0);
	damage_free(damage);
	damage = open_file(io);
	claim(damage_count(damage) == count && damage_has(damage, &segment, 64));
	damage_free(damage);
	return 0;
}
