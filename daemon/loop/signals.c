#include "daemon/loop/signals.h"

#include <signal.h>

static void on_signal(uv_signal_t *handle, int number)
{
	const struct signals *signals = handle->data;
	signals->call(signals->context, number);
}

int signals_open(struct signals *signals, uv_loop_t *loop,
		 void (*call)(void *context, int number), void *context)
{
	static const int numbers[SIGNALS_COUNT] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	signals->call = call;
	signals->context = context;
	int number = 0;
	while (signals->count < SIGNALS_COUNT && number == 0) {
		uv_signal_t *handle = &signals->handles[signals->count];
		handle->data = signals;
		number = uv_signal_init(loop, handle);
		if (number == 0)
			number = uv_signal_start(handle, on_signal,
						 numbers[signals->count]);
		signals->count++;
	}
	return number;
}

void signals_close(struct signals *signals)
{
	for (size_t i = 0; i < signals->count; i++)
		uv_close((uv_handle_t *)&signals->handles[i], NULL);
}
