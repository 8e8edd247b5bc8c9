/*
 * What the daemon keeps of tokens and keys, in JSON, in a folder that others cannot write
 * to: a byte that says which file, then its bytes. What is understood can be asked,
 * changed and written, and is then understood again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access/issuer/issuer_keys.h"
#include "daemon/access/token/keyring.h"
#include "daemon/access/token/ledger.h"
#include "daemon/access/token/vault.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/harness/scratch.h"

#define NOW_S 1800000000
#define ID "0123456789abcdef"

static char *folder; /* of the data; owned until the end */
static int vault_fd = -1;

static void end(void)
{
	(void)close(vault_fd);
	scratch_free(folder);
}

static void put_file(const char *name, const struct reader *in)
{
	int fd AUTO_FD =
		openat(vault_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	claim(fd >= 0);
	claim(in->left == 0 || write(fd, in->at, in->left) == (ssize_t)in->left);
}

static void make_folder(void)
{
	struct error error = {0};
	folder = scratch_new();
	claim(vault_open(folder, true, &vault_fd, &error) == 0);
	claim(atexit(end) == 0);
}

static void read_ledger(const struct reader *in)
{
	struct ledger ledger AUTO(ledger_fini) = {0}, again AUTO(ledger_fini) = {0};
	struct ledger_entry entry;
	struct error error = {0};
	put_file("tokens.json", in);
	if (ledger_load(vault_fd, &ledger, &error) < 0)
		return;
	for (size_t i = 0; i < ledger_count(&ledger); i++) {
		entry = ledger_at(&ledger, i);
		claim(entry.id && entry.subject &&
		      ledger_find(&ledger, entry.id, &entry));
	}
	(void)ledger_last_expiry(&ledger);
	entry = (struct ledger_entry){.id = ID, .subject = "s", .expires_s = NOW_S};
	if (ledger_add(&ledger, &entry, NOW_S, &error) == 0)
		claim(ledger_revoke(&ledger, ID, &error) == 0);
	claim(ledger_save(&ledger, vault_fd, &error) == 0);
	claim(ledger_load(vault_fd, &again, &error) == 0);
	claim(ledger_count(&again) == ledger_count(&ledger));
}

static void read_keyring(const struct reader *in)
{
	struct keyring keyring AUTO(keyring_fini) = {0}, again AUTO(keyring_fini) = {0};
	struct error error = {0};
	put_file("keys.json", in);
	if (keyring_load(vault_fd, &keyring, &error) < 0)
		return;
	(void)keyring_find(&keyring, "k", NOW_S);
	bool signs = keyring_signer(&keyring) != NULL;
	claim(keyring_save(&keyring, vault_fd, NOW_S, &error) == 0);
	claim(keyring_load(vault_fd, &again, &error) == 0);
	claim((keyring_signer(&again) != NULL) == signs);
}

static void free_json(json_t **json)
{
	json_decref(*json);
}

static void read_set(const struct reader *in)
{
	struct issuer_keys *keys = NULL;
	json_t *key AUTO(free_json) = NULL;
	struct error error = {0};
	char path[256];
	put_file("set.json", in);
	(void)snprintf(path, sizeof(path), "%s/access/set.json", folder);
	const struct issuer_keys_source source = {folder, "ci", "https://ci.example",
						  path};
	if (issuer_keys_new(&source, &keys, &error) < 0)
		return;
	(void)issuer_keys_find(keys, "k", &key, &error);
	json_decref(key);
	key = NULL;
	(void)issuer_keys_find(keys, "", &key, &error);
	issuer_keys_free(keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	uint8_t which = reader_u8(&in) % 3;
	if (!folder)
		make_folder();
	if (which == 0)
		read_ledger(&in);
	else if (which == 1)
		read_keyring(&in);
	else
		read_set(&in);
	return 0;
}
