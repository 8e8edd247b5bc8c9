#include "proto/message/label.h"

/* A text's two arguments for "%.*s". */
#define WORDS(text) (int)(text).len, (text).at ? (text).at : ""

static bool is_usual(struct text id)
{
	return id.len == 0 || text_is(id, "1");
}

const char *label_text(const struct label *label, char *ret_text, size_t room)
{
	bool run = !is_usual(label->run), attempt = !is_usual(label->attempt);
	struct text none = {0};
	text_print(ret_text, room, "%.*s%s%.*s%s%s%.*s%s%s%.*s%s", WORDS(label->job),
		   label->shard.len ? " " : "", WORDS(label->shard),
		   run || attempt ? " (" : "", run ? "run " : "",
		   WORDS(run ? label->run : none), run && attempt ? ", " : "",
		   attempt ? "attempt " : "", WORDS(attempt ? label->attempt : none),
		   run || attempt ? ")" : "");
	return ret_text;
}
