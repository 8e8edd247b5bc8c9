#include "daemon/store/disk/parts.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/cleanup.h"

int store_check_writable(struct store *store, struct error *error)
{
	if (store->refusal.code)
		*error = store->refusal;
	if (store->refusal.code || !store_is_read_only(store))
		return store->refusal.code;
	(void)error_set(error, ERR_READ_ONLY,
			"the store is read-only after a failed write");
	return store_fail(store, error);
}

int store_fail(struct store *store, struct error *error)
{
	bool failed_before = atomic_exchange(&store->failed, true);
	if (!failed_before && store->options.on_failure)
		store->options.on_failure(store->options.context, error->text);
	return error->code;
}

int store_fail_if_broken(struct store *store, struct error *error)
{
	int close_errno = segment_table_close_errno(store->segments);
	bool broken = catalogue_is_read_only(store->catalogue);
	if (close_errno && !broken)
		(void)error_set_errno(error, ERR_READ_ONLY, close_errno,
				      "a segment could not be closed");
	else if (broken && error->code == 0)
		(void)error_set(error, ERR_READ_ONLY,
				"the catalogue is read-only after a failed write");
	if (close_errno || broken)
		return store_fail(store, error);
	return error->code;
}

void store_note(const struct store *store, const char *format, ...)
{
	if (!store->options.on_note)
		return;
	char text[ERROR_TEXT_SIZE + 128];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	store->options.on_note(store->options.context, text);
}

bool store_is_read_only(struct store *store)
{
	return atomic_load(&store->failed) || catalogue_is_read_only(store->catalogue);
}

const struct error *store_refusal(const struct store *store)
{
	return &store->refusal;
}

int store_not_found(const struct store *store, struct error *error)
{
	struct error found = *error;
	if (found.code != ERR_NOT_FOUND || store->refusal.code != ERR_DAMAGED)
		return found.code;
	return error_set(error, ERR_DAMAGED, "%s; %s", found.text, store->refusal.text);
}
