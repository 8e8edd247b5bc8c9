#include "daemon/loop/proving.h"

#include <stdlib.h>

static void prove(uv_work_t *work)
{
	struct proving *proving = work->data;
	(void)access_prove(proving->access, &proving->proof, &proving->principal,
			   &proving->error);
}

static void on_worked(uv_work_t *work, int status)
{
	struct proving *proving = work->data;
	(void)status;
	proving->on_proved(proving);
}

struct proving *proving_begin(uv_loop_t *loop, struct access *access,
			      const struct proof *proof, struct buffer *token,
			      void (*on_proved)(struct proving *proving), void *context)
{
	struct proving *proving = must_calloc(1, sizeof(*proving));
	proving->access = access;
	proving->token = *token;
	*token = (struct buffer){0};
	proving->proof = *proof;
	proving->proof.token =
		(struct text){(const char *)proving->token.at, proving->token.len};
	proving->on_proved = on_proved;
	proving->context = context;
	proving->work.data = proving;
	claim(uv_queue_work(loop, &proving->work, prove, on_worked) == 0);
	return proving;
}

void proving_free(struct proving *proving)
{
	buffer_wipe(&proving->token);
	principal_free(proving->principal);
	free(proving);
}
