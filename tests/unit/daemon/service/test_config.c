/* batond's configuration: defaults, file, flags, and what each refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/service/config.h"
#include "proto/bounds.h"
#include "tests/harness/option_tables.h"

static int read_config(struct config *config, struct error *error,
		       const char *const *flags)
{
	char *argv[16] = {(char[]){"batond"}};
	int argc = 1;
	for (; flags[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)flags[argc - 1];
	return config_read(config, argc, argv, error);
}

#define READ(config, error, ...)                                                         \
	read_config(config, error, (const char *const[]){__VA_ARGS__, NULL})

static void write_file(char path[64], const char *text)
{
	strcpy(path, "/tmp/batond-conf-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void defaults_are_sane(void **state)
{
	(void)state;
	struct config config;
	struct error error = {0};
	assert_int_equal(read_config(&config, &error, (const char *const[]){NULL}), 0);
	assert_int_equal(config.verb, CONFIG_SERVE);
	assert_int_equal(config.listen.count, 1);
	assert_memory_equal(config.listen.items[0], "unix:/", 6);
	assert_int_equal(config.retention_ms, 15ull * 24 * 3600 * 1000);
	assert_int_equal(config.hello_ms, HELLO_TIMEOUT_MS);
	assert_int_equal(config.log.level, LOG_INFO);
	assert_false(config.log.json);
	config_fini(&config);
}

static void flags_win_over_the_file(void **state)
{
	(void)state;
	char path[64];
	write_file(path, "# a comment\n"
			 "data = /srv/file   # behind a value\n"
			 "\n"
			 "listen = unix:/a\nlisten=unix:/b\n"
			 "log-format = json\n retention = 2h\n");
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "--config", path), 0);
	assert_string_equal(config.data, "/srv/file");
	assert_int_equal(config.listen.count, 2);
	assert_true(config.log.json);
	assert_int_equal(config.retention_ms, 2 * 3600 * 1000);
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "--data=/srv/flag", "--listen", "unix:/c",
			      "--config", path, "--log-format", "text"),
			 0);
	assert_string_equal(config.data, "/srv/flag");
	assert_int_equal(config.listen.count, 1);
	assert_string_equal(config.listen.items[0], "unix:/c");
	assert_false(config.log.json);
	config_fini(&config);
	unlink(path);
}

static void expect_refusal(const char *const *flags, const char *part)
{
	struct config config;
	struct error error = {0};
	int code = read_config(&config, &error, flags);
	assert_true(code == ERR_USAGE || code == ERR_LOCAL);
	if (!strstr(error.text, part))
		fail_msg("`%s` does not say `%s`", error.text, part);
	config_fini(&config);
}

#define REFUSED(part, ...) expect_refusal((const char *const[]){__VA_ARGS__, NULL}, part)

static void a_group_is_a_name_or_a_number(void **state)
{
	(void)state;
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "--socket-group", "root"), 0);
	assert_true(config.socket.has_group);
	assert_int_equal(config.socket.group, 0);
	assert_int_equal(config.socket.mode, 0);
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "--socket-group", "4294967294",
			      "--socket-mode", "0600", "--listen", "tcp://localhost:0",
			      "--listen", "unix:/a"),
			 0);
	assert_int_equal(config.socket.group, 4294967294);
	assert_int_equal(config.socket.mode, 0600);
	config_fini(&config);
}

/* As the keys of other configurations of a service are written. */
static void a_key_may_have_underscores(void **state)
{
	(void)state;
	char path[64];
	write_file(path, "socket_group = root\nsocket-mode = 0666\nlog_format = json\n");
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "--config", path), 0);
	assert_true(config.socket.has_group);
	assert_int_equal(config.socket.mode, 0666);
	assert_true(config.log.json);
	config_fini(&config);
	unlink(path);
}

static void wrong_flags_are_named(void **state)
{
	(void)state;
	REFUSED("--frob: there is no such option; `batond help` lists them", "--frob");
	REFUSED("did you mean --listen?", "--lisent", "unix:/a");
	REFUSED("did you mean --read-data?", "check", "--read-dat");
	REFUSED("--read-data: it takes no value", "check", "--read-data=yes");
	REFUSED("-d: there is no option -d", "-d");
	REFUSED("--data: the value is missing: --data DIR", "--data");
	REFUSED("--data: it is empty", "--data=");
	REFUSED("--listen: it is empty", "--listen=");
	REFUSED("--sessions=0: not a number", "--sessions", "0");
	REFUSED("--retention=15x: not a time", "--retention", "15x");
	REFUSED("--socket-group=no such one: there is no such group", "--socket-group",
		"no such one");
	REFUSED("--socket-group=4294967295: there is no such group", "--socket-group",
		"4294967295");
	REFUSED("--socket-group=-1: there is no such group", "--socket-group", "-1");
	REFUSED("--socket-mode=660: not four octal digits", "--socket-mode", "660");
	REFUSED("--socket-mode=0680: not four octal digits", "--socket-mode", "0680");
	REFUSED("--socket-mode=1660: not four octal digits", "--socket-mode", "1660");
	REFUSED("--socket-mode=06600: not four octal digits", "--socket-mode", "06600");
	REFUSED("--socket-mode=0577: its owner needs", "--socket-mode", "0577");
	REFUSED("socket-mode: is about Unix sockets", "--socket-mode", "0660", "--listen",
		"tcp://localhost:0");
	REFUSED("socket-group: is about Unix sockets", "--socket-group", "0", "--listen",
		"tcp://localhost:0");
	REFUSED("--log-level=loud: choose error, warning, info or debug", "--log-level",
		"loud");
	REFUSED("--log-format=xml: choose text or json", "--log-format", "xml");
	REFUSED("serve: there is no such command", "serve", "now");
	REFUSED("x: one argument too many", "check", "x");
	REFUSED("/nonexistent/conf", "--config", "/nonexistent/conf");
}

static void wrong_lines_are_named_with_their_number(void **state)
{
	(void)state;
	char path[64], expected[128];
	write_file(path, "data = /x\nlisten\n");
	snprintf(expected, sizeof(expected), "%s:2", path);
	REFUSED(expected, "--config", path);
	unlink(path);
	write_file(path, "colour = red\n");
	snprintf(expected, sizeof(expected), "%s:1: colour: there is no such key", path);
	REFUSED(expected, "--config", path);
	unlink(path);
	write_file(path, "config = /x\n");
	REFUSED("config: there is no such key; `batond help` lists them", "--config",
		path);
	unlink(path);
	write_file(path, "mark = yes\n");
	REFUSED("mark: there is no such key", "--config", path);
	unlink(path);
	write_file(path, "\nsessions = 0\n");
	REFUSED(":2: sessions=0: not a number from 1 to 1000000", "--config", path);
	REFUSED(":2: sessions=0", "--config", path, "--sessions=1", "--help");
	unlink(path);
	write_file(path, "idel = 5m\n");
	REFUSED("idel: there is no such key; did you mean `idle`?", "--config", path);
	unlink(path);
}

static void times_have_units(void **state)
{
	(void)state;
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "--queue-wait", "250ms", "--idle", "3m",
			      "--hello", "20ms", "--silence", "7s", "--stop-timeout",
			      "1h", "--retention", "0"),
			 0);
	assert_int_equal(config.queue_wait_ms, 250);
	assert_int_equal(config.idle_ms, 180000);
	assert_int_equal(config.hello_ms, 20);
	assert_int_equal(config.silence_ms, 7000);
	assert_int_equal(config.stop_timeout_ms, 3600000);
	assert_int_equal(config.retention_ms, 0);
	config_fini(&config);
}

static void check_takes_what_it_uses_and_no_more(void **state)
{
	(void)state;
	REFUSED("--mark: `batond` does not take it; check does", "--mark");
	REFUSED("--listen: `batond check` does not take it; batond", "check",
		"--listen", "unix:/a");
}

/* Each of N addresses in a file, then on the command line. */
static void the_number_of_addresses_is_limited(void **state)
{
	(void)state;
	char path[64], text[(CONFIG_LISTEN_MAX + 1) * 20] = "";
	for (size_t i = 0; i < CONFIG_LISTEN_MAX; i++)
		strcat(text, "listen = unix:/a\n");
	write_file(path, text);
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "--config", path), 0);
	assert_int_equal(config.listen.count, CONFIG_LISTEN_MAX);
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "--config", path, "--listen", "unix:/b"),
			 0);
	assert_int_equal(config.listen.count, 1);
	config_fini(&config);
	unlink(path);
	write_file(path, strcat(text, "listen=unix:/b\n"));
	REFUSED("listen: given more than 16 times", "--config", path);
	unlink(path);
}

static void the_tables_are_sound(void **state)
{
	(void)state;
	assert_tables_are_sound(&batond);
}

static void verbs(void **state)
{
	(void)state;
	struct config config;
	struct error error = {0};
	assert_int_equal(READ(&config, &error, "check", "--data", "/x", "--read-data"),
			 0);
	assert_false(config.mark);
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "check", "--read-data", "--mark"), 0);
	assert_true(config.mark);
	assert_int_equal(config.verb, CONFIG_CHECK);
	assert_true(config.read_data);
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "check", "--mark", "--help"), 0);
	assert_int_equal(config.verb, CONFIG_HELP);
	assert_string_equal(config.arguments.items[0], "check");
	config_fini(&config);
	assert_int_equal(READ(&config, &error, "--version"), 0);
	assert_int_equal(config.verb, CONFIG_VERSION);
	config_fini(&config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_sane),
		cmocka_unit_test(flags_win_over_the_file),
		cmocka_unit_test(a_group_is_a_name_or_a_number),
		cmocka_unit_test(a_key_may_have_underscores),
		cmocka_unit_test(wrong_flags_are_named),
		cmocka_unit_test(wrong_lines_are_named_with_their_number),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(check_takes_what_it_uses_and_no_more),
		cmocka_unit_test(the_number_of_addresses_is_limited),
		cmocka_unit_test(the_tables_are_sound),
		cmocka_unit_test(verbs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
