#include "daemon/access/token/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/access/token/claims.h"
#include "daemon/access/token/jose.h"
#include "daemon/access/token/vault.h"
#include "proto/base/cleanup.h"

int access_id_make(char ret_id[ACCESS_ID_LEN + 1], struct error *error)
{
	uint8_t random[ACCESS_ID_LEN / 2];
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return error_set_errno(error, ERR_INTERNAL, errno, "no random id");
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(ret_id + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static json_t *keys_of(const struct keyring *keyring)
{
	return json_object_get(keyring->root, "keys");
}

/* Every key has an id; a time where it only verifies, and nowhere else: the one that
 * signs would go with it. */
static bool is_understood(const json_t *root)
{
	const json_t *keys = json_object_get(root, "keys");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		if (!json_is_string(json_object_get(key, "kid")) ||
		    (i == 0 ? json_object_get(key, "until") != NULL
			    : !json_is_integer(json_object_get(key, "until"))))
			return false;
	}
	return json_is_array(keys);
}

int keyring_load(int vault_fd, struct keyring *ret_keyring, struct error *error)
{
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct keyring keyring = {0};
	int err = vault_read(vault_fd, KEYRING_NAME, &bytes, &keyring.seen, error);
	if (err)
		return err;
	if (keyring.seen.st_ino)
		keyring.root = json_loadb((const char *)bytes.at, bytes.len,
					  JSON_REJECT_DUPLICATES, NULL);
	if (keyring.seen.st_ino && !is_understood(keyring.root)) {
		json_decref(keyring.root);
		return error_set(
			error, ERR_DAMAGED,
			"`access/" KEYRING_NAME "`: is no list of keys; no token "
			"of this daemon can be checked (put it back from a copy, "
			"or remove it and create every token anew)");
	}
	*ret_keyring = keyring;
	return 0;
}

void keyring_fini(struct keyring *keyring)
{
	json_decref(keyring->root);
	*keyring = (struct keyring){0};
}

static bool is_over(const json_t *key, int64_t now_s)
{
	const json_t *until = json_object_get(key, "until");
	return until && json_integer_value(until) < now_s - CLOCK_TOLERANCE_S;
}

static bool signed_nothing(const json_t *key)
{
	const json_t *until = json_object_get(key, "until");
	return until && json_integer_value(until) == 0;
}

int keyring_save(struct keyring *keyring, int vault_fd, int64_t now_s,
		 struct error *error)
{
	json_t *keys = keys_of(keyring);
	for (size_t i = json_array_size(keys); i-- > 0;) {
		const json_t *key = json_array_get(keys, i);
		if (signed_nothing(key) ||
		    (is_over(key, now_s) && json_array_size(keys) >= KEYRING_MAX))
			(void)json_array_remove(keys, i);
	}
	char *text AUTO_FREE = json_dumps(keyring->root, JSON_INDENT(1));
	if (!text)
		return error_set(error, ERR_NO_MEMORY, "no memory for the keys");
	return vault_replace(vault_fd, KEYRING_NAME, text, strlen(text), error);
}

const json_t *keyring_signer(const struct keyring *keyring)
{
	return json_array_get(keys_of(keyring), 0);
}

const json_t *keyring_find(const struct keyring *keyring, const char *key_id,
			   int64_t now_s)
{
	const json_t *keys = keys_of(keyring);
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		if (strcmp(json_string_value(json_object_get(key, "kid")), key_id) == 0 &&
		    !is_over(key, now_s))
			return key;
	}
	return NULL;
}

/* What only verifies needs no secret. NULL is fine. */
static void retire(json_t *key, int64_t until_s)
{
	(void)json_object_set_new(key, "until", json_integer(until_s));
	(void)json_object_del(key, "d");
}

int keyring_rotate(struct keyring *keyring, int64_t until_s, struct error *error)
{
	char id[ACCESS_ID_LEN + 1];
	json_t *key = NULL;
	if (!keyring->root)
		keyring->root = json_pack("{s:[]}", "keys");
	json_t *keys = keys_of(keyring);
	if (json_array_size(keys) >= KEYRING_MAX)
		return error_set(error, ERR_LIMIT,
				 "%u keys still verify tokens, which is as many as can "
				 "be; revoke tokens that live for long",
				 KEYRING_MAX);
	int err = access_id_make(id, error);
	if (err == 0)
		err = jose_make_key(id, &key, error);
	if (err)
		return err;
	retire(json_array_get(keys, 0), until_s);
	(void)json_array_insert_new(keys, 0, key);
	return 0;
}
