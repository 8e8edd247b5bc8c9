/* Roots of manifests: what is accepted is what would be encoded. */
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct root root AUTO(root_fini) = {0};
	struct buffer again AUTO(buffer_fini) = {0};
	struct error error = {0};
	if (root_decode(data, len, &root, &error) < 0)
		return 0;
	struct totals totals = root_totals(&root);
	claim(totals_rows(&totals) <= LAYER_ROWS_MAX && totals.units <= LAYER_UNITS_MAX);
	root_encode(&again, &root);
	claim(same_bytes(data, len, again.at, again.len));
	return 0;
}
