#include "proto/base/enumeration.h"

#include <stdio.h>
#include <string.h>

static void put(struct buffer *buffer, const char *text)
{
	buffer_put(buffer, text, strlen(text));
}

static void put_last(struct enumeration *enumeration, const char *joint)
{
	put(&enumeration->text, enumeration->shown > 1 ? joint : "");
	buffer_put(&enumeration->text, enumeration->last.at, enumeration->last.len);
}

void enumeration_add(struct enumeration *enumeration, const char *item)
{
	size_t len = enumeration->text.len + enumeration->last.len + strlen(item);
	if (enumeration->shown > 0 &&
	    (enumeration->more > 0 || enumeration->shown == ENUMERATION_SHOWN_MAX ||
	     len > ENUMERATION_LEN)) {
		enumeration->more++;
		return;
	}
	if (enumeration->shown > 0)
		put_last(enumeration, ", ");
	buffer_clear(&enumeration->last);
	put(&enumeration->last, item);
	enumeration->shown++;
}

const char *enumeration_end(struct enumeration *enumeration)
{
	char more[48] = "";
	put_last(enumeration, enumeration->more > 0 ? ", " : " and ");
	if (enumeration->more > 0)
		(void)snprintf(more, sizeof(more), " and %zu more", enumeration->more);
	put(&enumeration->text, more);
	buffer_put_u8(&enumeration->text, '\0');
	return (const char *)enumeration->text.at;
}

void enumeration_fini(struct enumeration *enumeration)
{
	buffer_fini(&enumeration->text);
	buffer_fini(&enumeration->last);
}
