#include "client/terminal/interrupts.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/error.h"

static int wake_fd = -1;
static volatile sig_atomic_t pending_signal;
static uint64_t pending_since_ms; /* the handler's, which no other interrupts */
static unsigned second_after;     /* ms */
static timer_t grace_timer;
static struct itimerspec grace;

/* Without cleaning up. */
static void die_at_once(int number)
{
	(void)signal(number, SIG_DFL);
	(void)kill(getpid(), number);
}

static void on_grace_over(int number)
{
	(void)number;
	die_at_once(pending_signal);
}

static void take_first(int number)
{
	uint64_t one = 1;
	pending_signal = number;
	pending_since_ms = clock_now_ms();
	(void)timer_settime(grace_timer, 0, &grace, NULL);
	ssize_t written = write(wake_fd, &one, sizeof(one));
	(void)written;
}

static void on_signal(int number)
{
	int saved_errno = errno;
	if (pending_signal == 0)
		take_first(number);
	else if (clock_now_ms() - pending_since_ms >= second_after)
		die_at_once(number);
	errno = saved_errno;
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP};

#define CAUGHT_COUNT (sizeof(caught) / sizeof(*caught))

static void catch (int number, void (*handler)(int))
{
	struct sigaction before;
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
		return;
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < CAUGHT_COUNT; i++)
		(void)sigaddset(&action.sa_mask, caught[i]);
	(void)sigaction(number, &action, NULL);
}

static void make_timer(unsigned grace_ms)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	grace.it_value.tv_sec = grace_ms / 1000;
	grace.it_value.tv_nsec = (long)(grace_ms % 1000) * 1000000;
	claim(timer_create(CLOCK_MONOTONIC, &event, &grace_timer) == 0);
	(void)signal(SIGALRM, on_grace_over);
}

void interrupts_init(unsigned grace_ms, unsigned second_after_ms)
{
	second_after = second_after_ms;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	claim(wake_fd >= 0);
	make_timer(grace_ms);
	for (size_t i = 0; i < CAUGHT_COUNT; i++)
		catch (caught[i], on_signal);
}

int interrupts_fd(void)
{
	return wake_fd;
}

bool interrupts_pending(void)
{
	return pending_signal != 0;
}

void interrupts_die(void)
{
	int number = pending_signal;
	if (number == 0)
		return;
	sigset_t only;
	(void)sigemptyset(&only);
	(void)sigaddset(&only, number);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
	(void)sigprocmask(SIG_UNBLOCK, &only, NULL);
	_exit(128 + number);
}
