#include "daemon/task/threads.h"

#include <errno.h>
#include <pthread.h>

static void *nothing(void *context)
{
	return context;
}

int threads_check(struct error *error)
{
	pthread_t thread;
	int number = pthread_create(&thread, NULL, nothing, NULL);
	if (number == 0) {
		(void)pthread_join(thread, NULL);
		return 0;
	}
	if (number != EPERM)
		return error_set_errno(error, ERR_NO_MEMORY, number,
				       "no thread can be started");
	return error_set(
		error, ERR_DENIED,
		"no thread can be started: the sandbox that batond runs in answers "
		"clone3() with EPERM, as the seccomp profile of Docker before 20.10.10 "
		"and containerd before 1.4 does; update that, or let the profile answer "
		"with ENOSYS");
}

static void work(uv_work_t *pool)
{
	(void)pool;
}

int threads_begin_pool(uv_loop_t *loop)
{
	static uv_work_t pool;
	return uv_queue_work(loop, &pool, work, NULL);
}
