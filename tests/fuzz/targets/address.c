/* URLs of a daemon, with their pins. */
#include "proto/transport/address.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/memory.h"
#include "proto/transport/pin.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *url AUTO_FREE = must_memdup(data, len);
	struct address address AUTO(address_fini) = {0};
	struct error error = {0};
	claim(url);
	if (address_parse(url, &address, &error) < 0) {
		claim(error.code == ERR_USAGE);
		return 0;
	}
	claim(address.kind == ADDRESS_UNIX
		      ? address.path[0] == '/'
		      : *address.host && strtoul(address.port, NULL, 10) <= 65535);
	claim(!address.pin || (address.kind == ADDRESS_TLS && pin_is_one(address.pin)));
	return 0;
}
