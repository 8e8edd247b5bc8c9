#include "daemon/metrics/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

void exposition_family(struct buffer *out, const char *name, const char *type,
		       const char *help)
{
	put(out, "# HELP ");
	put(out, name);
	put(out, " ");
	put(out, help);
	put(out, "\n# TYPE ");
	put(out, name);
	put(out, " ");
	put(out, type);
	put(out, "\n");
}

static void put_value(struct buffer *out, struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '\n')
			put(out, "\\n");
		else if (value.at[i] == '\\' || value.at[i] == '"')
			buffer_put_u8(out, '\\');
		if (value.at[i] != '\n')
			buffer_put_u8(out, (uint8_t)value.at[i]);
	}
}

static void put_name(struct buffer *out, const char *name,
		     const struct exposition_label *labels)
{
	put(out, name);
	if (!labels || !labels->name)
		return;
	for (const struct exposition_label *label = labels; label->name; label++) {
		put(out, label == labels ? "{" : ",");
		put(out, label->name);
		put(out, "=\"");
		put_value(out, label->value);
		put(out, "\"");
	}
	put(out, "}");
}

void exposition_number(struct buffer *out, const char *name,
		       const struct exposition_label *labels, uint64_t number)
{
	char text[32];
	(void)snprintf(text, sizeof(text), " %" PRIu64 "\n", number);
	put_name(out, name, labels);
	put(out, text);
}

void exposition_seconds(struct buffer *out, const char *name,
			const struct exposition_label *labels, uint64_t ms)
{
	char text[40];
	(void)snprintf(text, sizeof(text), " %" PRIu64 ".%03u\n", ms / 1000,
		       (unsigned)(ms % 1000));
	put_name(out, name, labels);
	put(out, text);
}

void exposition_gauge(struct buffer *out, const char *name, const char *help,
		      uint64_t number)
{
	exposition_family(out, name, "gauge", help);
	exposition_number(out, name, NULL, number);
}
