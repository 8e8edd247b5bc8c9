/* Values that are too long for a name: nobody could give a shorter one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ci/ci.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/message/short_name.h"

/* Shortens one entry, of len bytes, behind those that are in the list already. */
static bool put_entry(struct buffer *list, const char *at, size_t len)
{
	char *entry AUTO_FREE = must_memdup(at, len);
	char *short_entry AUTO_FREE = short_name_of(entry, NAME_LEN_MAX);
	buffer_put(list, short_entry, strlen(short_entry));
	buffer_put_u8(list, '\n');
	return len > NAME_LEN_MAX;
}

/* The entries, separated by commas or, with a newline among them, by those, one a line.
 */
static bool shorten_list(const char *text, struct buffer *list)
{
	const char *separator = strchr(text, '\n') ? "\n" : ",";
	bool shortened = false;
	for (text += strspn(text, separator); *text; text += strspn(text, separator)) {
		size_t len = strcspn(text, separator);
		shortened |= put_entry(list, text, len);
		text += len;
	}
	return shortened;
}

void ci_finding_shorten(struct ci_finding *finding, bool is_list)
{
	struct buffer text AUTO(buffer_fini) = {0};
	bool shortened =
		is_list ? shorten_list(finding->value, &text)
			: put_entry(&text, finding->value, strlen(finding->value));
	char *origin = NULL;
	if (!shortened || asprintf(&origin, "%s, shortened", finding->origin) < 0)
		return;
	free(finding->value);
	free(finding->origin);
	finding->value = must_memdup(text.at, text.len - !is_list);
	finding->origin = origin;
}
