#include "daemon/access/issuer/issuer_keys.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/access/issuer/fetch.h"
#include "daemon/access/token/vault.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

/* Keys of one issuer; real ones have fewer than ten. */
#define KEYS_MAX 256u

struct issuer_keys {
	char *data, *name, *url, *keys; /* owned; as in the source */
	bool has_thread;
	pthread_t thread;
	atomic_bool stopping;
	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t wake;
	json_t *set;          /* owned; NULL: none yet */
	int64_t fetched_s;    /* Unix time */
	uint64_t tried_ms;    /* of the clock that only goes forward; 0: never */
	bool wanted, busy;    /* a fetch is to begin; one is under way */
	struct error failure; /* of the latest fetch; code 0: it succeeded */
};

static void free_json(json_t **json)
{
	json_decref(*json);
}

static int64_t now_s(void)
{
	return clock_wall_ms() / 1000;
}

static bool is_set(const json_t *set)
{
	const json_t *keys = json_object_get(set, "keys");
	return json_is_array(keys) && json_array_size(keys) <= KEYS_MAX;
}

/* ---- what is kept ---- */

static void kept_name(const struct issuer_keys *keys, char ret_name[64])
{
	(void)snprintf(ret_name, 64, "issuer-%.40s.json", keys->name);
}

/* Where nothing usable is kept, the keys are fetched as if nothing had been. */
static void load_kept(struct issuer_keys *keys)
{
	int vault_fd AUTO_FD = -1;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct stat stat;
	struct error ignored = {0};
	char name[64];
	kept_name(keys, name);
	if (vault_open(keys->data, false, &vault_fd, &ignored) ||
	    vault_read(vault_fd, name, &bytes, &stat, &ignored) || bytes.len == 0)
		return;
	json_t *kept AUTO(free_json) = json_loadb((const char *)bytes.at, bytes.len,
						  JSON_REJECT_DUPLICATES, NULL);
	const char *from = json_string_value(json_object_get(kept, "from"));
	const json_t *fetched = json_object_get(kept, "fetched");
	if (!is_set(kept) || !from || strcmp(from, keys->keys) != 0 ||
	    !json_is_integer(fetched) || json_integer_value(fetched) < 0)
		return;
	keys->set = json_incref(kept);
	keys->fetched_s = json_integer_value(fetched);
}

/* Failing costs only that the keys are not there at the next start. */
static void keep(const struct issuer_keys *keys, const json_t *set)
{
	int vault_fd AUTO_FD = -1, lock_fd AUTO_FD = -1;
	struct error ignored = {0};
	char name[64];
	kept_name(keys, name);
	json_t *kept AUTO(free_json) = json_pack("{s:s, s:I, s:O}", "from", keys->keys,
						 "fetched", (json_int_t)now_s(), "keys",
						 json_object_get(set, "keys"));
	char *text AUTO_FREE = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
	if (text && vault_open(keys->data, true, &vault_fd, &ignored) == 0 &&
	    vault_lock(vault_fd, &lock_fd, &ignored) == 0)
		(void)vault_replace(vault_fd, name, text, strlen(text), &ignored);
}

/* ---- fetching ---- */

/* The document is an OpenID configuration: the set that it names, if it is this
 * issuer's. */
static int follow(const struct issuer_keys *keys, const json_t *document,
		  json_t **ret_set, struct error *error)
{
	const char *issuer = json_string_value(json_object_get(document, "issuer"));
	const char *url = json_string_value(json_object_get(document, "jwks_uri"));
	if (!issuer || !url || strcmp(issuer, keys->url) != 0)
		return error_set(error, ERR_UNREACHABLE,
				 "`%s`: is neither a set of keys nor the OpenID "
				 "configuration of `%s`",
				 keys->keys, keys->url);
	int err = fetch_check_url(keys->keys, url, error);
	return err ? err : fetch_json(url, &keys->stopping, ret_set, error);
}

static int fetch(const struct issuer_keys *keys, json_t **ret_set, struct error *error)
{
	json_t *document AUTO(free_json) = NULL;
	int err = fetch_json(keys->keys, &keys->stopping, &document, error);
	if (err)
		return err;
	if (is_set(document)) {
		*ret_set = json_incref(document);
		return 0;
	}
	err = follow(keys, document, ret_set, error);
	if (err == 0 && !is_set(*ret_set))
		err = error_set(error, ERR_UNREACHABLE,
				"what `%s` leads to is no set of keys", keys->keys);
	return err;
}

static void settle(struct issuer_keys *keys, json_t *set, const struct error *failure)
{
	HOLD(&keys->mutex);
	keys->busy = false;
	keys->failure = *failure;
	if (failure->code)
		return;
	json_decref(keys->set);
	keys->set = json_incref(set);
	keys->fetched_s = now_s();
}

static bool wait_until_wanted(struct issuer_keys *keys)
{
	HOLD(&keys->mutex);
	while (!keys->wanted && !atomic_load(&keys->stopping))
		(void)pthread_cond_wait(&keys->wake, &keys->mutex);
	keys->wanted = false;
	keys->busy = true;
	return !atomic_load(&keys->stopping);
}

static void *run(void *context)
{
	struct issuer_keys *keys = context;
	while (wait_until_wanted(keys)) {
		json_t *set AUTO(free_json) = NULL;
		struct error failure = {0};
		if (fetch(keys, &set, &failure) == 0)
			keep(keys, set);
		settle(keys, set, &failure);
	}
	return NULL;
}

/* ---- finding ---- */

/* In seconds; below 0 for those that a clock which was ahead says are of the future. */
static int64_t age_locked(const struct issuer_keys *keys)
{
	return keys->has_thread ? now_s() - keys->fetched_s : 0;
}

static bool is_fresh_locked(const struct issuer_keys *keys)
{
	int64_t age_s = age_locked(keys);
	return keys->set && age_s >= 0 && age_s < ISSUER_KEYS_FRESH_S;
}

static bool is_usable_locked(const struct issuer_keys *keys)
{
	int64_t age_s = age_locked(keys);
	return keys->set && age_s > -ISSUER_KEYS_KEPT_S && age_s < ISSUER_KEYS_KEPT_S;
}

static void want_locked(struct issuer_keys *keys)
{
	uint64_t now_ms = clock_now_ms();
	if (!keys->has_thread || keys->busy || keys->wanted ||
	    (keys->tried_ms && now_ms - keys->tried_ms < ISSUER_KEYS_PAUSE_MS))
		return;
	keys->tried_ms = now_ms;
	keys->wanted = true;
	(void)pthread_cond_signal(&keys->wake);
}

/* Borrowed; NULL: there is none. */
static json_t *find_in(const json_t *set, const char *key_id)
{
	const json_t *list = json_object_get(set, "keys");
	if (!key_id[0])
		return json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *key = json_array_get(list, i);
		const char *id = json_string_value(json_object_get(key, "kid"));
		if (id && strcmp(id, key_id) == 0)
			return key;
	}
	return NULL;
}

static int explain_locked(const struct issuer_keys *keys, bool usable,
			  struct error *error)
{
	if (keys->wanted || keys->busy)
		return error_set(
			error, ERR_BUSY,
			"the keys of issuer %s are being fetched; try again in a "
			"second",
			keys->name);
	if (!usable)
		return error_set(
			error, ERR_BUSY,
			"the keys of issuer %s cannot be fetched, which is tried "
			"once a minute: %s",
			keys->name, keys->failure.text);
	return error_set(error, ERR_DENIED,
			 "the token is refused: issuer %s has published no key that "
			 "signed it",
			 keys->name);
}

int issuer_keys_find(struct issuer_keys *keys, const char *key_id, json_t **ret_key,
		     struct error *error)
{
	HOLD(&keys->mutex);
	bool usable = is_usable_locked(keys);
	json_t *key = usable ? find_in(keys->set, key_id) : NULL;
	if (!key || !is_fresh_locked(keys))
		want_locked(keys);
	if (!key)
		return explain_locked(keys, usable, error);
	*ret_key = json_deep_copy(key);
	return *ret_key ? 0 : error_set(error, ERR_BUSY, "no memory for a key");
}

/* ---- making ---- */

static int read_file(struct issuer_keys *keys, struct error *error)
{
	json_error_t why;
	keys->set = json_load_file(keys->keys, JSON_REJECT_DUPLICATES, &why);
	if (is_set(keys->set))
		return 0;
	return error_set(error, ERR_LOCAL, "issuer %s: `%s`: is no set of keys%s%s",
			 keys->name, keys->keys, keys->set ? "" : ": ",
			 keys->set ? "" : why.text);
}

static int start(struct issuer_keys *keys, struct error *error)
{
	load_kept(keys);
	int number = pthread_create(&keys->thread, NULL, run, keys);
	if (number)
		return error_set_errno(error, ERR_NO_MEMORY, number,
				       "no thread for the keys of issuer %s", keys->name);
	keys->has_thread = true;
	HOLD(&keys->mutex);
	if (!is_fresh_locked(keys))
		want_locked(keys);
	return 0;
}

int issuer_keys_new(const struct issuer_keys_source *source,
		    struct issuer_keys **ret_keys, struct error *error)
{
	struct issuer_keys *keys = must_calloc(1, sizeof(*keys));
	keys->data = must_strdup(source->data);
	keys->name = must_strdup(source->name);
	keys->url = must_strdup(source->url);
	keys->keys = must_strdup(source->keys);
	(void)pthread_mutex_init(&keys->mutex, NULL);
	(void)pthread_cond_init(&keys->wake, NULL);
	int err = keys->keys[0] == '/' ? read_file(keys, error) : start(keys, error);
	if (err) {
		issuer_keys_free(keys);
		return err;
	}
	*ret_keys = keys;
	return 0;
}

static void stop(struct issuer_keys *keys)
{
	HOLD(&keys->mutex);
	atomic_store(&keys->stopping, true);
	(void)pthread_cond_signal(&keys->wake);
}

void issuer_keys_free(struct issuer_keys *keys)
{
	if (!keys)
		return;
	if (keys->has_thread) {
		stop(keys);
		(void)pthread_join(keys->thread, NULL);
	}
	(void)pthread_cond_destroy(&keys->wake);
	(void)pthread_mutex_destroy(&keys->mutex);
	json_decref(keys->set);
	free(keys->data);
	free(keys->name);
	free(keys->url);
	free(keys->keys);
	free(keys);
}
