#include "daemon/service/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/service/config_file.h"
#include "daemon/service/socket_access.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/apply.h"
#include "proto/options/kind.h"
#include "proto/options/verb.h"
#include "proto/transport/address.h"

#define SERVE (1u << CONFIG_SERVE)
#define CHECK (1u << CONFIG_CHECK)
#define REBUILD (1u << CONFIG_REBUILD)
/* What asks the daemon that runs. */
#define ASKS (1u << CONFIG_BACKUP | 1u << CONFIG_METRICS)
#define GC (1u << CONFIG_GC)
#define ALL OPTION_OF_ALL

#define TO(kind_, member) .kind = &option_##kind_, .at = offsetof(struct config, member)

static int set_listen(void *target, const struct option_use *use, struct error *error)
{
	if (use->value[0] == '\0')
		return option_refuse_empty(use, error);
	return option_add(option_place(target, use), CONFIG_LISTEN_MAX, use, error);
}

static const struct option_kind option_listen = {set_listen, option_list_fini, true};

/* clang-format off */
static const struct verb verbs[] = {
	[CONFIG_SERVE] = {"", "", 0, 0, "serve clients"},
	[CONFIG_CHECK] = {"check", "", 0, 0,
		"verify everything that is stored, name what is damaged and which layers that touches; the daemon of that data directory must not be running"},
	[CONFIG_REBUILD] = {"rebuild", "", 0, 0,
		"make a catalogue of the segments alone, where it is lost, damaged or has forgotten something; the old one is put aside; the daemon of that data directory must not be running"},
	[CONFIG_BACKUP] = {"backup", "DIR", 1, 1,
		"copy everything into DIR, while the daemon runs or while it does not; what has not changed since the last backup there is not copied again"},
	[CONFIG_RESTORE] = {"restore", "DIR", 1, 1,
		"make a data directory of the backup in DIR, where there is none"},
	[CONFIG_METRICS] = {"metrics", "", 0, 0,
		"show the running daemon's figures in Prometheus' text format"},
	[CONFIG_GC] = {"gc", "", 0, 0,
		"give up what nothing reaches any more, and give its space back, as the daemon does by itself; a daemon that runs is told to do it now"},
	[CONFIG_TOKEN] = {"token", "create|list|revoke|rotate|help", 1, 1,
		"what lets jobs on other machines in; `batond token help` says more"},
	[CONFIG_VERSION] = {"version", "", 0, 0, "show the version"},
	[CONFIG_HELP] = {"help", "[COMMAND]", 0, 1, "explain a command and its options"},
	{.name = NULL},
};

static const struct option options[] = {
	/* whom it serves */
	{"--listen", 0, "URL", NULL, SERVE | ASKS, TO(listen, listen),
		"unix:/path, tcp://host:port or tls://host[:port], repeatable (default: unix:$XDG_RUNTIME_DIR/batond/batond.sock, without that variable in /run/user/UID if it is there; else, and for root, unix:/run/batond/batond.sock); tcp:// on a loopback address only, tls:// anywhere, for clients with a token"},
	{"--tcp-token", 0, "optional|required", NULL, SERVE, TO(choice_bool, tcp_token),
		"whether a connection to a loopback address needs a token, too; without one it may do all (default)", .initial = "optional"},
	{"--reuse", 0, "grant|namespace", NULL, SERVE, TO(choice_bool, reuse_namespace),
		"of what is stored already a persist need not send again what its grant reads (default), or all that its namespace has: that saves the jobs of CI systems, whose tokens are bound to a workflow, what earlier workflows stored, and tells them whether a content is stored that they have", .initial = "grant"},
	{"--socket-group", 0, "GROUP", NULL, SERVE, TO(socket_group, socket),
		"who may connect to the Unix sockets beside batond's user: a name or a number"},
	{"--socket-mode", 0, "MODE", NULL, SERVE, TO(socket_mode, socket),
		"mode of the Unix sockets, four octal digits (default: 0660 with --socket-group, else 0600)"},
	{"--certificate", 0, "FILE", NULL, SERVE, TO(text, certificate),
		"with tls://: the certificate to show, and what leads to its authority, in PEM (default: one that makes itself, in the data directory)"},
	{"--certificate-key", 0, "FILE", NULL, SERVE, TO(text, certificate_key),
		"the key of that certificate (default: in the same file)"},
	{"--client-ca", 0, "FILE", NULL, SERVE, TO(text, client_ca),
		"with tls://: demand a certificate by an authority in FILE of each client, beside its token"},
	{"--address-connections", 0, "N", NULL, SERVE, TO(number, address_connections),
		"open at once from one address, over TLS (default)", .initial = "512"},
	{"--sessions", 0, "N", NULL, SERVE, TO(number, sessions),
		"requests worked on at once (default)", .initial = "64"},
	{"--view-memory", 0, "BYTES", NULL, SERVE, TO(size, view_memory),
		"all running attaches hold at most so much of the layers that they merge; others wait for their turn (default); 0: any amount", .initial = "256M"},
	{"--connections", 0, "N", NULL, SERVE, TO(number, connections),
		"open at once (default)", .initial = "4096"},
	{"--queue-wait", 0, "TIME", NULL, SERVE, TO(duration, queue_wait_ms),
		"a request waits so long for its turn (default)", .initial = "30s"},
	{"--silence", 0, "TIME", NULL, SERVE, TO(duration, silence_ms),
		"a peer in a request may be silent so long (default)", .initial = "60s"},
	{"--min-rate", 0, "BYTES", NULL, SERVE, TO(size, min_rate),
		"while others wait, a request that moves less a second is ended as busy (default); 0: never", .initial = "16K"},
	{"--min-rate-over", 0, "TIME", NULL, SERVE, TO(duration, min_rate_over_ms),
		"… over so much time that it waited for its own client (default)", .initial = "30s"},
	{"--hello", 0, "TIME", NULL, SERVE, TO(duration, hello_ms),
		"a new connection has so long for its HELLO (default)", .initial = "10s"},
	{"--idle", 0, "TIME", NULL, SERVE, TO(duration, idle_ms),
		"a connection without a request stays so long (default)", .initial = "5m"},
	{"--stop-timeout", 0, "TIME", NULL, SERVE, TO(duration, stop_timeout_ms),
		"SIGTERM lets requests finish for so long (default)", .initial = "30s"},

	/* what it keeps */
	{"--retention", 0, "TIME", NULL, SERVE, TO(duration, retention_ms),
		"workflows expire so long after their last contact (default); 0: never", .initial = "15d"},
	{"--scrub", 0, "TIME", NULL, SERVE, TO(duration, scrub_ms),
		"read everything that is stored once in so long, and mark what is damaged (default); 0: never", .initial = "30d"},
	{"--log-level", 0, "error|warning|info|debug", NULL, SERVE, TO(choice, log.level),
		"log what is at least as grave (default)", .initial = "info"},
	{"--log-format", 0, "text|json", NULL, SERVE, TO(choice_bool, log.json),
		"a line of the log as text or as a JSON object (default)", .initial = "text"},

	/* what it checks */
	{"--read-data", 0, NULL, NULL, CHECK, TO(flag, read_data),
		"also decode and hash every frame"},
	{"--mark", 0, NULL, NULL, CHECK, TO(flag, mark),
		"write the damaged frames down, so that nothing in them is reused any more"},

	/* where it makes a catalogue */
	{"--into", 0, "DIR", NULL, REBUILD, TO(text, into),
		"make it in DIR, an empty directory, and leave the old one as it is"},
	/* what it gives back */
	{"--dry-run", 0, NULL, NULL, GC, TO(flag, dry_run),
		"only say what would go and why; the daemon of that data directory must not be running"},
	{"--json", 0, NULL, NULL, GC, TO(flag, json), "print a line of JSON"},

	/* where that is said, and lies */
	{"--config", 0, "FILE", NULL, ALL, TO(text, file),
		"read FILE: lines `name = value`, named as these options"},
	{"--data", 0, "DIR", NULL, ALL, TO(text, data),
		"where everything is kept, made with its parents if it is not there (default: /var/lib/batond for root, else $XDG_DATA_HOME/batond or ~/.local/share/batond)"},
	{"--help", 'h', NULL, NULL, ALL, .kind = &option_verb, .help = "explain the command"},
	{"--version", 0, NULL, NULL, ALL, .kind = &option_verb, .help = "show the version"},
	{.flag = NULL},
};
/* clang-format on */

const struct program batond = {
	.name = "batond",
	.about = "Keeps the workspaces of CI workflows.",
	.options = options,
	.verbs = verbs,
	.common = "options of every command",
	.notes = "TIME is a number with ms, s, m, h or d; BYTES one with K, M, G or T, "
		 "or none; "
		 "N is from 1 to 1000000.\n",
};

/* ---- what depends on the user ------------------------------------------------------ */

static char *join(const char *before, const char *after)
{
	char *text;
	claim(asprintf(&text, "%s%s", before, after) >= 0);
	return text;
}

static char *default_data(void)
{
	const char *data_home = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");
	if (geteuid() == 0 || (!data_home && !home))
		return must_strdup("/var/lib/batond");
	return data_home && *data_home ? join(data_home, "/batond")
				       : join(home ? home : "", "/.local/share/batond");
}

static void listen_by_default(struct string_list *listen)
{
	char *own AUTO_FREE = geteuid() == 0 ? NULL : address_of_user(ADDRESS_RUN_USER);
	string_list_add(listen, own ? own : ADDRESS_SYSTEM);
}

/* ---- all of it --------------------------------------------------------------------- */

/* The file is read for every verb: a wrong one is found by `--help` too. */
static int read_file(struct config *config, const struct option_words *words,
		     struct error *error)
{
	const struct option_use *use = option_words_find(words, "--config");
	return use ? config_file_read(config, use->value, error) : 0;
}

int config_read(struct config *config, int argc, char *const *argv, struct error *error)
{
	*config = (struct config){.argc = argc, .argv = argv};
	option_apply_initial(&batond, config);
	struct option_words words AUTO(option_words_fini) = {0};
	int err = option_words_split(&batond, argc, argv, &words, error);
	if (err == 0)
		err = read_file(config, &words, error);
	if (err == 0)
		err = option_verb_take(&batond, &words, error);
	if (err == 0)
		err = option_apply_words(&batond, &words, config, &config->arguments,
					 error);
	if (err < 0)
		return err;
	config->verb = (enum config_verb)(words.verb - verbs);
	if (!config->data)
		config->data = default_data();
	if (config->listen.count == 0)
		listen_by_default(&config->listen);
	return config->verb == CONFIG_SERVE
		       ? socket_access_check(&config->socket, &config->listen, error)
		       : 0;
}

void config_fini(struct config *config)
{
	option_fini(&batond, config);
	string_list_fini(&config->arguments);
	config_sections_fini(&config->sections);
}
