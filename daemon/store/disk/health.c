#include "daemon/store/disk/health.h"

#include <stdarg.h>
#include <stdio.h>

bool health_is_failed(struct health *health)
{
	return atomic_load(&health->failed) || health->catalogue_failed(health->store) ||
	       health->close_errno(health->store) != 0;
}

int health_check_writable(struct health *health, struct error *error)
{
	if (health->refusal.code)
		*error = health->refusal;
	if (health->refusal.code || !health_is_failed(health))
		return health->refusal.code;
	(void)error_set(error, ERR_READ_ONLY,
			"the store is read-only after a failed write");
	return health_fail(health, error);
}

int health_fail(struct health *health, struct error *error)
{
	bool failed_before = atomic_exchange(&health->failed, true);
	if (!failed_before && health->on_failure)
		health->on_failure(health->context, error->text);
	return error->code;
}

int health_fail_if_broken(struct health *health, struct error *error)
{
	int close_errno = health->close_errno(health->store);
	bool broken = health->catalogue_failed(health->store);
	if (close_errno && !broken)
		(void)error_set_errno(error, ERR_READ_ONLY, close_errno,
				      "a segment could not be closed");
	else if (broken && error->code == 0)
		(void)error_set(error, ERR_READ_ONLY,
				"the catalogue is read-only after a failed write");
	if (close_errno || broken)
		return health_fail(health, error);
	return error->code;
}

void health_note(const struct health *health, const char *format, ...)
{
	if (!health->on_note)
		return;
	char text[ERROR_TEXT_SIZE + 128];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	health->on_note(health->context, text);
}
