#include "client/interrupts.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/error.h"

static int wake_fd = -1;
static volatile sig_atomic_t pending_signal;

static void on_signal(int number)
{
	int saved_errno = errno;
	uint64_t one = 1;
	if (pending_signal == 0)
		pending_signal = number;
	ssize_t written = write(wake_fd, &one, sizeof(one));
	(void)written;
	errno = saved_errno;
}

static void catch (int number)
{
	struct sigaction before;
	if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
		return;
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(number, &action, NULL);
}

void interrupts_init(void)
{
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	claim(wake_fd >= 0);
	catch (SIGINT);
	catch (SIGTERM);
	catch (SIGHUP);
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
