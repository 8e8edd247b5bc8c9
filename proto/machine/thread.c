#include "proto/machine/thread.h"

bool thread_start(pthread_t *ret_thread, size_t stack_len, void *(*body)(void *context),
		  void *context)
{
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0)
		return false;
	if (stack_len > 0)
		(void)pthread_attr_setstacksize(&attributes, stack_len);
	bool started = pthread_create(ret_thread, &attributes, body, context) == 0;
	(void)pthread_attr_destroy(&attributes);
	return started;
}
