/* The leg of a matrix, which no variable of the system tells. */
#include <string.h>

#include "client/ci/ci.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* The text with one blank in place of any number of them and of line breaks. */
static void put_on_one_line(const char *text, struct buffer *line)
{
	static const char blanks[] = " \t\r\n";
	for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
		size_t len = strcspn(text, blanks);
		buffer_put(line, " ", line->len > 0);
		buffer_put(line, text, len);
		text += len;
	}
	buffer_put_u8(line, '\0');
}

void ci_matrix_shard(struct ci_finding *ret_finding)
{
	const char *matrix = ci_variable("BATON_MATRIX");
	if (!matrix)
		return;
	struct buffer line AUTO(buffer_fini) = {0};
	put_on_one_line(matrix, &line);
	const char *text = (const char *)line.at;
	if (*text == '\0' || strcmp(text, "null") == 0)
		return;
	ret_finding->value = must_strdup(text);
	ret_finding->origin = must_strdup("BATON_MATRIX");
}
