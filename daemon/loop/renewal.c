#include "daemon/loop/renewal.h"

/* The files that a configuration names. */
static struct certificate_files files_of(const struct config *config)
{
	return (struct certificate_files){
		.data = config->data,
		.certificate = config->certificate,
		.key = config->certificate_key,
		.client_ca = config->client_ca,
	};
}

int renewal_load(struct renewal *renewal, struct certificate *ret_certificate,
		 struct error *error)
{
	struct certificate_files files = files_of(renewal->config);
	int err = certificate_load(&files, ret_certificate, error);
	if (err == 0)
		renewal->certificate = ret_certificate;
	return err;
}

static void read_again(uv_work_t *work)
{
	struct renewal *renewal = work->data;
	const struct config *config = renewal->config;
	int err =
		config_read(&renewal->fresh, config->argc, config->argv, &renewal->error);
	if (err == 0 && renewal->certificate) {
		struct certificate_files files = files_of(&renewal->fresh);
		err = certificate_load(&files, &renewal->loaded, &renewal->error);
	}
	struct terms_book *terms = NULL;
	if (err == 0)
		err = terms_book_new(&renewal->fresh, &terms, &renewal->error);
	/* Last, because they take effect at once, and only if all else can. */
	if (err == 0)
		err = access_reload(renewal->access, &renewal->fresh, &renewal->error);
	if (err == 0)
		terms_book_take(renewal->terms, terms);
	terms_book_free(terms);
}

static void use(struct renewal *renewal)
{
	if (!renewal->certificate)
		return;
	certificate_fini(renewal->certificate);
	*renewal->certificate = renewal->loaded;
	renewal->loaded = (struct certificate){0};
}

static void on_read(uv_work_t *work, int status)
{
	struct renewal *renewal = work->data;
	(void)status;
	renewal->running = false;
	if (renewal->error.code) {
		certificate_fini(&renewal->loaded);
		log_line(renewal->log, LOG_ERROR, "reload",
			 "%s; what was in use stays in use", renewal->error.text);
	} else {
		use(renewal);
		log_line(renewal->log, LOG_INFO, "reload",
			 "who may do what, and what is kept, was read again%s%s",
			 renewal->certificate
				 ? "; new connections see the certificate with "
				   "the pin "
				 : "",
			 renewal->certificate ? renewal->certificate->pin : "");
	}
	config_fini(&renewal->fresh);
	if (renewal->again)
		renewal_begin(renewal);
}

void renewal_begin(struct renewal *renewal)
{
	renewal->again = renewal->running;
	if (renewal->running)
		return;
	renewal->running = true;
	renewal->error = (struct error){0};
	renewal->work.data = renewal;
	claim(uv_queue_work(renewal->loop, &renewal->work, read_again, on_read) == 0);
}
