#include "client/options/option_prefix.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/message/short_name.h"
#include "proto/path/path.h"

/* What may stand in a prefix. */
struct placeholder {
	const char *text, *flag;
	size_t at; /* its struct setting */
};

static const struct placeholder placeholders[] = {
	{"{job}", "--job", offsetof(struct options, job)},
	{"{shard}", "--shard", offsetof(struct options, shard)},
};

static const struct placeholder *placeholder_at(const char *text)
{
	for (size_t i = 0; i < sizeof(placeholders) / sizeof(*placeholders); i++) {
		const char *name = placeholders[i].text;
		if (strncmp(text, name, strlen(name)) == 0)
			return &placeholders[i];
	}
	return NULL;
}

static int put_name(const struct options *options, const struct placeholder *placeholder,
		    struct buffer *text, struct error *error)
{
	const struct setting *setting =
		(const struct setting *)((const char *)options + placeholder->at);
	if (!setting->value)
		return error_set(error, ERR_USAGE,
				 "--prefix=%s: nothing is known that %s could stand for; "
				 "give %s",
				 options->prefix, placeholder->text, placeholder->flag);
	char *component AUTO_FREE = short_component_of(setting->value);
	buffer_put(text, component, strlen(component));
	return 0;
}

static int replace(const struct options *options, struct buffer *text,
		   struct error *error)
{
	for (const char *at = options->prefix; *at;) {
		const struct placeholder *placeholder = placeholder_at(at);
		int err = placeholder ? put_name(options, placeholder, text, error) : 0;
		if (err < 0)
			return err;
		if (!placeholder)
			buffer_put_u8(text, (uint8_t)*at);
		at += placeholder ? strlen(placeholder->text) : 1;
	}
	return 0;
}

int option_prefix_fill(struct options *options, struct error *error)
{
	if (!options->prefix)
		return 0;
	struct buffer text AUTO(buffer_fini) = {0};
	int err = replace(options, &text, error);
	if (err < 0)
		return err;
	buffer_put_u8(&text, '\0');
	char *path AUTO_FREE = path_clean_name((const char *)text.at);
	bool is_root = !*path;
	if (!is_root && !path_valid(path, strlen(path)))
		return error_set(error, ERR_USAGE,
				 "--prefix=%s: not a path below the workspace: relative, "
				 "without `..`",
				 options->prefix);
	free(options->prefix);
	options->prefix = is_root ? NULL : take_ptr(&path);
	return 0;
}
