#include "daemon/access/token/claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/base/text.h"

bool claims_text(const json_t *claims, const char *name, struct claim_text *ret_text)
{
	const json_t *value = json_object_get(claims, name);
	struct claim_text text = {""};
	if (json_is_integer(value))
		(void)snprintf(text.at, sizeof(text.at), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(text.at, sizeof(text.at), "%s",
			       json_is_true(value) ? "true" : "false");
	else if (json_is_string(value) && json_string_length(value) < sizeof(text.at))
		(void)snprintf(text.at, sizeof(text.at), "%s", json_string_value(value));
	if (!text.at[0] || !text_is_clean(text_of(text.at)))
		return false;
	*ret_text = text;
	return true;
}

struct time_text time_text_of(int64_t unix_s)
{
	struct time_text text = {"?"};
	time_t seconds = (time_t)unix_s;
	struct tm parts;
	if (gmtime_r(&seconds, &parts))
		(void)strftime(text.at, sizeof(text.at), "%Y-%m-%d %H:%M:%S UTC", &parts);
	return text;
}

/* A NumericDate in seconds, cut to what a clock can show; false: it is none. */
static bool time_claim(const json_t *claims, const char *name, int64_t *ret_s)
{
	const json_t *value = json_object_get(claims, name);
	double seconds = json_number_value(value);
	if (!json_is_number(value) || seconds < 0)
		return false;
	*ret_s = seconds < 1e11 ? (int64_t)seconds : INT64_C(100000000000);
	return true;
}

int claims_check_time(const json_t *claims, int64_t now_s, int64_t *ret_expires_s,
		      struct error *error)
{
	int64_t expires_s = 0, begins_s = 0;
	if (!time_claim(claims, "exp", &expires_s))
		return error_set(error, ERR_DENIED,
				 "the token is refused: it does not say when it expires "
				 "(`exp`)");
	if (json_object_get(claims, "nbf") && !time_claim(claims, "nbf", &begins_s))
		return error_set(error, ERR_DENIED,
				 "the token is refused: its `nbf` is not a time");
	if (now_s >= expires_s + CLOCK_TOLERANCE_S)
		return error_set(
			error, ERR_DENIED,
			"the token expired at %s, and by the daemon's clock it is "
			"%s; get a new one, or set the clock that is wrong",
			time_text_of(expires_s).at, time_text_of(now_s).at);
	if (now_s < begins_s - CLOCK_TOLERANCE_S)
		return error_set(
			error, ERR_DENIED,
			"the token is valid from %s on, and by the daemon's clock "
			"it is %s; set the clock that is wrong",
			time_text_of(begins_s).at, time_text_of(now_s).at);
	*ret_expires_s = expires_s + CLOCK_TOLERANCE_S;
	return 0;
}

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && json_string_length(value) == strlen(text) &&
	       strcmp(json_string_value(value), text) == 0;
}

bool claims_have_audience(const json_t *claims, const char *audience)
{
	const json_t *value = json_object_get(claims, "aud");
	if (is_text(value, audience))
		return true;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (is_text(json_array_get(value, i), audience))
			return true;
	return false;
}
