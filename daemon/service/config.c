#include "daemon/service/config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"
#include "proto/link/address.h"
#include "proto/options/nearest.h"

const char config_help[] =
	"batond: keeps the workspaces of CI workflows\n"
	"\n"
	"usage: batond [OPTION]...\n"
	"       batond check [--data DIR] [--read-data] [--mark]\n"
	"\n"
	"  --config FILE         read FILE: lines `name = value`, named as the options "
	"below\n"
	"  --data DIR            where everything is kept, made with its parents if it "
	"is\n"
	"                        not there (default: /var/lib/batond for root, else\n"
	"                        $XDG_DATA_HOME/batond or ~/.local/share/batond)\n"
	"  --listen URL          unix:/path or tcp://host:port, repeatable (default:\n"
	"                        unix:$XDG_RUNTIME_DIR/batond/batond.sock, without that\n"
	"                        variable in /run/user/UID if it is there; else, and "
	"for\n"
	"                        root, unix:/run/batond/batond.sock); TCP only on a\n"
	"                        loopback address in this version\n"
	"  --log-level L         error, warning, info (default) or debug\n"
	"  --log-format F        text (default) or json\n"
	"  --sessions N          requests worked on at once (default 64)\n"
	"  --connections N       open at once (default 4096)\n"
	"  --queue-wait TIME     a request waits so long for its turn (default 30s)\n"
	"  --silence TIME        a peer in a request may be silent so long (default "
	"60s)\n"
	"  --hello TIME          a new connection has so long for its HELLO (default "
	"10s)\n"
	"  --idle TIME           a connection without a request stays so long (default "
	"5m)\n"
	"  --stop-timeout TIME   SIGTERM lets requests finish for so long (default 30s)\n"
	"  --retention TIME      workflows expire so long after their last contact\n"
	"                        (default 15d; 0: never)\n"
	"  --version, --help\n"
	"\n"
	"TIME is a number with ms, s, m, h or d.\n"
	"\n"
	"batond check verifies everything that is stored, names what is damaged and "
	"which\n"
	"layers that touches; --read-data also decodes and hashes every frame; --mark "
	"writes\n"
	"the damaged frames down, so that nothing in them is reused any more. The daemon "
	"of\n"
	"that data directory must not be running.\n";

struct value_reader {
	struct config *config;
	const char *origin; /* "--data", "batond.conf:3: data" */
};

static int parse_text(const struct value_reader *reader, const char *value, char **field,
		      struct error *error)
{
	if (!*value)
		return error_set(error, ERR_USAGE, "%s: needs a value", reader->origin);
	free(*field);
	*field = must_strdup(value);
	return 0;
}

static int parse_number(const struct value_reader *reader, const char *value,
			uint64_t *field, struct error *error)
{
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end || errno || number == 0 ||
	    number > 1000000)
		return error_set(error, ERR_USAGE,
				 "%s: `%s` is not a number from 1 to 1000000",
				 reader->origin, value);
	*field = number;
	return 0;
}

static const struct {
	const char *suffix;
	uint64_t ms;
} time_units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};

static int parse_time(const struct value_reader *reader, const char *value,
		      uint64_t *field, struct error *error)
{
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(value, &end, 10);
	bool is_number = isdigit((unsigned char)*value) && !errno && number <= 1000000000;
	if (is_number && number == 0 && !*end) {
		*field = 0;
		return 0;
	}
	for (size_t i = 0; is_number && i < sizeof(time_units) / sizeof(*time_units);
	     i++) {
		if (strcmp(end, time_units[i].suffix) == 0) {
			*field = number * time_units[i].ms;
			return 0;
		}
	}
	return error_set(error, ERR_USAGE,
			 "%s: `%s` is not a time such as 500ms, 30s or 15d",
			 reader->origin, value);
}

static int set_data(const struct value_reader *reader, const char *value,
		    struct error *error)
{
	return parse_text(reader, value, &reader->config->data, error);
}

static int set_listen(const struct value_reader *reader, const char *value,
		      struct error *error)
{
	struct config *config = reader->config;
	if (config->listen_count == CONFIG_LISTEN_MAX)
		return error_set(error, ERR_USAGE, "%s: at most %u addresses",
				 reader->origin, CONFIG_LISTEN_MAX);
	int err = parse_text(reader, value, &config->listen[config->listen_count], error);
	if (err == 0)
		config->listen_count++;
	return err;
}

static int set_log_level(const struct value_reader *reader, const char *value,
			 struct error *error)
{
	if (log_level_parse(value, &reader->config->log.level))
		return 0;
	return error_set(error, ERR_USAGE,
			 "%s: `%s` is none of error, warning, info, debug",
			 reader->origin, value);
}

static int set_log_format(const struct value_reader *reader, const char *value,
			  struct error *error)
{
	bool json = strcmp(value, "json") == 0;
	if (!json && strcmp(value, "text") != 0)
		return error_set(error, ERR_USAGE, "%s: `%s` is neither text nor json",
				 reader->origin, value);
	reader->config->log.json = json;
	return 0;
}

#define SETTER(name_, parse_)                                                            \
	static int set_##name_(const struct value_reader *reader, const char *value,     \
			       struct error *error)                                      \
	{                                                                                \
		return parse_(reader, value, &reader->config->name_, error);             \
	}
SETTER(sessions, parse_number)
SETTER(connections, parse_number)
SETTER(queue_wait_ms, parse_time)
SETTER(silence_ms, parse_time)
SETTER(hello_ms, parse_time)
SETTER(idle_ms, parse_time)
SETTER(stop_timeout_ms, parse_time)
SETTER(retention_ms, parse_time)
#undef SETTER

struct config_key {
	const char *name;
	int (*set)(const struct value_reader *reader, const char *value,
		   struct error *error);
};

static const struct config_key config_keys[] = {
	{"data", set_data},
	{"listen", set_listen},
	{"log-level", set_log_level},
	{"log-format", set_log_format},
	{"sessions", set_sessions},
	{"connections", set_connections},
	{"queue-wait", set_queue_wait_ms},
	{"silence", set_silence_ms},
	{"hello", set_hello_ms},
	{"idle", set_idle_ms},
	{"stop-timeout", set_stop_timeout_ms},
	{"retention", set_retention_ms},
	{NULL, NULL},
};

static const struct config_key *key_named(const char *name)
{
	for (const struct config_key *key = config_keys; key->name; key++) {
		if (strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

static void consider_keys(struct nearest *nearest)
{
	for (const struct config_key *key = config_keys; key->name; key++)
		nearest_consider(nearest, key->name);
}

/* ---- the file ---- */

static int refuse_key(const char *origin, const char *name, struct error *error)
{
	struct nearest nearest;
	nearest_init(&nearest, name, strlen(name));
	consider_keys(&nearest);
	return error_set(error, ERR_USAGE, "%s: there is no such key; %s%s%s", origin,
			 nearest.name ? "did you mean `" : "batond --help lists them",
			 nearest.name ? nearest.name : "", nearest.name ? "`?" : "");
}

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int read_line(struct config *config, const char *file, unsigned number, char *line,
		     struct error *error)
{
	line[strcspn(line, "#")] = '\0';
	char *name = trim(line);
	if (!*name)
		return 0;
	char *equals = strchr(name, '=');
	char origin[512];
	snprintf(origin, sizeof(origin), "%s:%u", file, number);
	if (!equals)
		return error_set(error, ERR_USAGE, "%s: expected `name = value`", origin);
	*equals = '\0';
	name = trim(name);
	snprintf(origin, sizeof(origin), "%s:%u: %s", file, number, name);
	const struct config_key *key = key_named(name);
	if (!key)
		return refuse_key(origin, name, error);
	struct value_reader reader = {.config = config, .origin = origin};
	return key->set(&reader, trim(equals + 1), error);
}

static int read_file(struct config *config, const char *file, struct error *error)
{
	AUTO_STREAM FILE *stream = fopen(file, "re");
	if (!stream)
		return error_set_errno(error, ERR_LOCAL, errno, "%s", file);
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	int err = 0;
	for (unsigned number = 1; err == 0 && getline(&line, &room, stream) >= 0;
	     number++)
		err = read_line(config, file, number, line, error);
	if (err == 0 && ferror(stream))
		return error_set_errno(error, ERR_LOCAL, errno, "%s", file);
	return err;
}

/* ---- the flags ---- */

struct arguments {
	int count;
	char *const *values;
	int next;
};

static bool flag_takes_value(const char *name)
{
	return strncmp(name, "--", 2) == 0 &&
	       (strcmp(name, "--config") == 0 || key_named(name + 2));
}

/* A flag that take_bare_word() knows only gets here with a value, and it takes none. */
static int refuse_flag(const char *name, struct error *error)
{
	if (strncmp(name, "--", 2) != 0)
		return error_set(error, ERR_USAGE, "%s: not an option; see batond --help",
				 name);
	struct nearest nearest;
	nearest_init(&nearest, name + 2, strlen(name + 2));
	consider_keys(&nearest);
	nearest_consider(&nearest, "config");
	nearest_consider(&nearest, "read-data");
	nearest_consider(&nearest, "mark");
	nearest_consider(&nearest, "version");
	nearest_consider(&nearest, "help");
	if (nearest.name && nearest.distance == 0)
		return error_set(error, ERR_USAGE, "%s: it takes no value", name);
	return error_set(error, ERR_USAGE, "%s: there is no such option; %s%s%s", name,
			 nearest.name ? "did you mean --" : "batond --help lists them",
			 nearest.name ? nearest.name : "", nearest.name ? "?" : "");
}

/* Splits --name=value or takes the next argument. */
static int flag_value(struct arguments *arguments, const char **ret_name,
		      const char **ret_value, char **ret_memory, struct error *error)
{
	const char *flag = arguments->values[arguments->next++];
	*ret_memory = must_strdup(flag);
	char *equals = strchr(*ret_memory, '=');
	*ret_name = *ret_memory;
	if (equals)
		*equals = '\0';
	if (!flag_takes_value(*ret_name))
		return refuse_flag(*ret_name, error);
	if (equals) {
		*ret_value = equals + 1;
		return 0;
	}
	if (arguments->next == arguments->count)
		return error_set(error, ERR_USAGE, "%s: needs a value; see batond --help",
				 flag);
	*ret_value = arguments->values[arguments->next++];
	return 0;
}

static bool take_bare_word(struct config *config, const char *word)
{
	if (strcmp(word, "check") == 0)
		config->verb = CONFIG_CHECK;
	else if (strcmp(word, "--read-data") == 0)
		config->read_data = true;
	else if (strcmp(word, "--mark") == 0)
		config->mark = true;
	else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		config->verb = CONFIG_HELP;
	else if (strcmp(word, "--version") == 0)
		config->verb = CONFIG_VERSION;
	else
		return false;
	return true;
}

static void drop_listen(struct config *config)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		free(config->listen[i]);
		config->listen[i] = NULL;
	}
	config->listen_count = 0;
}

/* One pass over the flags: either for --config alone (only_config), or for the rest. */
static int read_flags(struct config *config, int argc, char *const *argv,
		      bool only_config, struct error *error)
{
	struct arguments arguments = {.count = argc, .values = argv, .next = 1};
	bool listen_seen = false;
	while (arguments.next < argc) {
		if (take_bare_word(config, argv[arguments.next])) {
			arguments.next++;
			continue;
		}
		const char *name = NULL, *value = NULL;
		AUTO_FREE char *memory = NULL;
		int err = flag_value(&arguments, &name, &value, &memory, error);
		if (err)
			return err;
		bool is_config = strcmp(name, "--config") == 0;
		if (is_config && only_config)
			err = read_file(config, value, error);
		if (!listen_seen && !only_config && strcmp(name, "--listen") == 0) {
			listen_seen = true;
			drop_listen(config);
		}
		struct value_reader reader = {.config = config, .origin = name};
		if (!is_config && !only_config)
			err = key_named(name + 2)->set(&reader, value, error);
		if (err)
			return err;
	}
	return 0;
}

/* ---- defaults ---- */

static char *join(const char *before, const char *after)
{
	size_t len = strlen(before) + strlen(after) + 1;
	char *text = must_alloc(len);
	snprintf(text, len, "%s%s", before, after);
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

static char *default_listen(void)
{
	char *own = geteuid() == 0 ? NULL : address_of_user(ADDRESS_RUN_USER);
	return own ? own : must_strdup(ADDRESS_SYSTEM);
}

int config_read(struct config *config, int argc, char *const *argv, struct error *error)
{
	*config = (struct config){
		.verb = CONFIG_SERVE,
		.log = {.level = LOG_INFO},
		.sessions = 64,
		.connections = 4096,
		.queue_wait_ms = 30000,
		.stop_timeout_ms = 30000,
		.silence_ms = 60000,
		.hello_ms = HELLO_TIMEOUT_MS,
		.idle_ms = 300000,
		.retention_ms = 15ull * 86400000,
	};
	int err = read_flags(config, argc, argv, true, error);
	if (err == 0)
		err = read_flags(config, argc, argv, false, error);
	if (err)
		return err;
	if (!config->data)
		config->data = default_data();
	if (config->listen_count == 0)
		config->listen[config->listen_count++] = default_listen();
	return 0;
}

void config_fini(struct config *config)
{
	free(config->data);
	config->data = NULL;
	drop_listen(config);
}
