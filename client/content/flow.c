#include "client/content/flow.h"

#include <poll.h>
#include <sys/socket.h>

static void init_steady(pthread_cond_t *condition)
{
	pthread_condattr_t steady;
	(void)pthread_condattr_init(&steady);
	(void)pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &steady);
	(void)pthread_condattr_destroy(&steady);
}

void flow_init(struct flow *flow, int socket_fd, int wake_fd)
{
	*flow = (struct flow){.socket_fd = socket_fd, .wake_fd = wake_fd};
	(void)pthread_mutex_init(&flow->lock, NULL);
	(void)pthread_cond_init(&flow->job, NULL);
	(void)pthread_cond_init(&flow->room, NULL);
	(void)pthread_cond_init(&flow->question, NULL);
	(void)pthread_cond_init(&flow->freed, NULL);
	init_steady(&flow->done);
}

void flow_fini(struct flow *flow)
{
	(void)pthread_cond_destroy(&flow->job);
	(void)pthread_cond_destroy(&flow->room);
	(void)pthread_cond_destroy(&flow->question);
	(void)pthread_cond_destroy(&flow->freed);
	(void)pthread_cond_destroy(&flow->done);
	(void)pthread_mutex_destroy(&flow->lock);
}

void flow_lock(struct flow *flow)
{
	(void)pthread_mutex_lock(&flow->lock);
}

void flow_unlock(struct flow *flow)
{
	(void)pthread_mutex_unlock(&flow->lock);
}

bool flow_is_alone(const struct flow *flow)
{
	return flow->help;
}

void flow_wait_locked(struct flow *flow, pthread_cond_t *until)
{
	if (flow->help)
		flow->help(flow->help_context);
	else
		(void)pthread_cond_wait(until, &flow->lock);
}

bool flow_wait_done_locked(struct flow *flow, const struct timespec *until)
{
	return pthread_cond_timedwait(&flow->done, &flow->lock, until) == 0;
}

static void wake_all_locked(struct flow *flow)
{
	(void)pthread_cond_broadcast(&flow->job);
	(void)pthread_cond_broadcast(&flow->room);
	(void)pthread_cond_broadcast(&flow->question);
	(void)pthread_cond_broadcast(&flow->freed);
	(void)pthread_cond_broadcast(&flow->done);
}

int flow_fail(struct flow *flow, const struct error *error)
{
	flow_lock(flow);
	bool says_more = flow->code == ERR_LOST && error->code != ERR_LOST;
	if (!flow->code || says_more) {
		flow->code = error->code;
		flow->error = *error;
	}
	(void)shutdown(flow->socket_fd, SHUT_RDWR);
	wake_all_locked(flow);
	flow_unlock(flow);
	return error->code;
}

void flow_close(struct flow *flow)
{
	flow_lock(flow);
	flow->is_closing = true;
	wake_all_locked(flow);
	flow_unlock(flow);
}

int flow_failure_locked(const struct flow *flow, struct error *error)
{
	if (flow->code)
		*error = flow->error;
	return flow->code;
}

int flow_check(struct flow *flow, struct error *error)
{
	struct pollfd wake = {.fd = flow->wake_fd, .events = POLLIN};
	if (poll(&wake, 1, 0) > 0)
		return error_set(error, ERR_INTERRUPTED, "interrupted");
	flow_lock(flow);
	int err = flow_failure_locked(flow, error);
	flow_unlock(flow);
	return err;
}
