#include "client/terminal/terminal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/message/message.h"

#define ERASE_LINE "\r\033[K"
#define WIDTH_UNKNOWN 80u

/* Guards `drawn` and the order of what goes to standard error. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool drawn;

static void erase_locked(void)
{
	if (drawn)
		(void)fputs(ERASE_LINE, stderr);
	drawn = false;
}

void terminal_say(const char *prefix, const char *sentence)
{
	struct text text = text_of(sentence);
	char *clean AUTO_FREE = must_alloc(text.len + 1);
	(void)text_clean(text, clean, text.len + 1);
	(void)pthread_mutex_lock(&lock);
	erase_locked();
	(void)fprintf(stderr, "baton: %s%s\n", prefix, clean);
	(void)fflush(stderr);
	(void)pthread_mutex_unlock(&lock);
}

void terminal_draw(const char *line)
{
	(void)pthread_mutex_lock(&lock);
	erase_locked();
	if (line) {
		(void)fputs(line, stderr);
		drawn = true;
	}
	(void)fflush(stderr);
	(void)pthread_mutex_unlock(&lock);
}

unsigned terminal_width(void)
{
	struct winsize size = {0};
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_UNKNOWN;
	return size.ws_col;
}

static bool wants_colours(FILE *stream)
{
	const char *refused = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	return isatty(fileno(stream)) && (!refused || !*refused) && kind && *kind &&
	       strcmp(kind, "dumb") != 0;
}

struct terminal_colours terminal_colours_of(FILE *stream)
{
	if (!wants_colours(stream))
		return (struct terminal_colours){"", "", "", ""};
	return (struct terminal_colours){
		.bold = "\033[1m",
		.dim = "\033[2m",
		.warn = "\033[33m",
		.plain = "\033[0m",
	};
}
