#include "daemon/access/issuer/fetch.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static void init(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void free_parts(CURLU **parts)
{
	curl_url_cleanup(*parts);
}

static void free_part(char **part)
{
	curl_free(*part);
}

static bool has_part(CURLU *parts, CURLUPart which)
{
	char *part AUTO(free_part) = NULL;
	return curl_url_get(parts, which, &part, 0) == CURLUE_OK;
}

static bool part_is(CURLU *parts, CURLUPart which, const char *text)
{
	char *part AUTO(free_part) = NULL;
	return curl_url_get(parts, which, &part, 0) == CURLUE_OK &&
	       strcasecmp(part, text) == 0;
}

static bool is_this_machine(CURLU *parts)
{
	return part_is(parts, CURLUPART_HOST, "localhost") ||
	       part_is(parts, CURLUPART_HOST, "127.0.0.1") ||
	       part_is(parts, CURLUPART_HOST, "[::1]");
}

/* Read as the transfer will read it: what is the host is for libcurl to say. */
static bool is_good(const char *url)
{
	CURLU *parts AUTO(free_parts) = curl_url();
	if (!parts || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    has_part(parts, CURLUPART_USER) || has_part(parts, CURLUPART_PASSWORD))
		return false;
	return part_is(parts, CURLUPART_SCHEME, "https") ||
	       (part_is(parts, CURLUPART_SCHEME, "http") && is_this_machine(parts));
}

int fetch_check_url(const char *origin, const char *url, struct error *error)
{
	if (is_good(url))
		return 0;
	return error_set(error, ERR_USAGE,
			 "%s: `%s`: expected https://, or http:// to this machine, "
			 "without a user",
			 origin, url);
}

/* More than FETCH_LEN_MAX ends the transfer. */
static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct buffer *body = context;
	if (size * count > FETCH_LEN_MAX - body->len)
		return 0;
	buffer_put(body, data, size * count);
	return size * count;
}

static int on_progress(void *context, curl_off_t total_down, curl_off_t down,
		       curl_off_t total_up, curl_off_t up)
{
	const atomic_bool *stop = context;
	(void)total_down, (void)down, (void)total_up, (void)up;
	return atomic_load(stop) ? 1 : 0;
}

static void free_curl(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void set_options(CURL *curl, const char *url, const atomic_bool *stop,
			struct buffer *body, char *reason)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, FETCH_TIMEOUT_S / 2);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, FETCH_TIMEOUT_S);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "batond/" BATON_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
}

int fetch_json(const char *url, const atomic_bool *stop, json_t **ret_json,
	       struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)pthread_once(&once, init);
	CURL *curl AUTO(free_curl) = curl_easy_init();
	CURLU *parts AUTO(free_parts) = curl_url();
	struct buffer body AUTO(buffer_fini) = {0};
	char reason[CURL_ERROR_SIZE] = "";
	if (!curl || !parts)
		return error_set(error, ERR_UNREACHABLE, "`%s`: no memory", url);
	set_options(curl, url, stop, &body, reason);
	/* A proxy of the environment is not for what stays on this machine, in clear. */
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    is_this_machine(parts))
		(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	CURLcode code = curl_easy_perform(curl);
	long status = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK || status != 200)
		return error_set(error, ERR_UNREACHABLE, "`%s`: %s (status %ld)", url,
				 reason[0] ? reason : curl_easy_strerror(code), status);
	*ret_json =
		json_loadb((const char *)body.at, body.len, JSON_REJECT_DUPLICATES, NULL);
	if (!*ret_json)
		return error_set(error, ERR_UNREACHABLE, "`%s`: is no JSON", url);
	return 0;
}
