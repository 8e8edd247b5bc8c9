/*
 * A catalogue that is not what was written: changes to a sound one, or to its log, each
 * two bytes of where, one that says in which file and how many bytes follow, and those
 * bytes. The sums of the pages are made right, so that what reads rows meets them. It is
 * opened or refused, and read or refused, and nothing worse.
 */
#include "daemon/store/catalogue/catalogue.h"

#include <string.h>

#include "daemon/store/database/page_sum.h"
#include "proto/base/cleanup.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_io.h"
#include "tests/harness/catalogue_steps.h"

#define DATABASE "catalogue.db"
#define LOG_NAME DATABASE "-wal"
#define IN_LOG 0x80u
#define BYTES_MAX 15u
#define STEP_LEN 7u /* between two places that can be named: a prime number */

static struct buffer sound, sound_log;

static void must(int err, const struct error *error)
{
	if (err < 0)
		claim_failed(error->text, __FILE__, __LINE__);
}

static void work(struct catalogue *catalogue)
{
	static const struct who jobs[] = {
		{.workflow = "w", .job = "a"},
		{.workflow = "w", .job = "b", .tier = TIER_UNTRUSTED},
		{.workflow = "x", .job = "a", .run = "2", .retry_of = "w"},
	};
	struct error error = {0};
	for (uint32_t i = 0; i < 3; i++) {
		struct visit visit AUTO(visit_fini) = {0};
		struct layer_record record;
		must(visit_catalogue(catalogue, &jobs[i], CONTACT_PERSIST, &visit,
				     &error),
		     &error);
		must(commit_numbered(catalogue, &visit.contact, i + 1, i + 1, &record,
				     &error),
		     &error);
		must(catalogue_record_attach(catalogue, &visit.contact, &record.id, 1,
					     &error),
		     &error);
	}
}

static void copy_file(struct memory_io *memory, const char *name, struct buffer *ret_copy)
{
	const struct memory_file *file = memory_io_find(memory, name);
	if (file && file->bytes.len)
		buffer_put(ret_copy, file->bytes.at, file->bytes.len);
}

/* Files of a daemon that was killed: what was done last stands in the log. */
static void make_sound(void)
{
	struct memory_io memory AUTO(memory_io_fini);
	const struct io *io = memory_io_init(&memory);
	struct catalogue *catalogue = NULL;
	struct error error = {0};
	must(catalogue_open(io, "memory", &catalogue, &error), &error);
	work(catalogue);
	must(catalogue_close(catalogue, &error), &error);
	must(catalogue_open(io, "memory", &catalogue, &error), &error);
	work(catalogue);
	copy_file(&memory, DATABASE, &sound);
	copy_file(&memory, LOG_NAME, &sound_log);
	must(catalogue_close(catalogue, &error), &error);
	claim(sound.len > 0);
}

static void change(struct reader *in, struct buffer *database, struct buffer *log)
{
	size_t where = (size_t)reader_u16(in) * STEP_LEN;
	uint8_t how = reader_u8(in);
	struct buffer *file = how & IN_LOG && log->len ? log : database;
	for (unsigned i = 0; i < how % (BYTES_MAX + 1) && in->left > 0; i++)
		file->at[(where + i) % file->len] = reader_u8(in);
}

static void mend(struct buffer *database, struct buffer *log)
{
	for (size_t at = 0; at + PAGE_LEN <= database->len; at += PAGE_LEN)
		page_sum_put(database->at + at, (uint32_t)(at / PAGE_LEN + 1));
	if (log->len < LOG_HEADER_LEN)
		return;
	bool big_endian = log_is_big_endian(log->at);
	const uint8_t *before = log->at + LOG_HEADER_SUM_AT;
	for (size_t at = LOG_HEADER_LEN; at + LOG_FRAME_LEN <= log->len;
	     at += LOG_FRAME_LEN) {
		uint8_t *header = log->at + at, sum[LOG_SUM_LEN];
		log_frame_sum(header, header + LOG_FRAME_HEADER_LEN, before, big_endian,
			      sum);
		memcpy(header + LOG_FRAME_SUM_AT, sum, sizeof(sum));
		before = header + LOG_FRAME_SUM_AT;
	}
}

static void read_all(struct catalogue *catalogue)
{
	struct visit visit AUTO(visit_fini) = {0};
	struct catalogue_figures figures;
	struct segment_row *rows = NULL;
	size_t count = 0;
	struct error error = {0};
	const struct who who = {.workflow = "w", .job = "c"};
	(void)catalogue_check(catalogue, &error);
	(void)catalogue_figures(catalogue, &figures, &error);
	if (catalogue_segments(catalogue, &rows, &count, &error) == 0)
		free(rows);
	(void)visit_catalogue(catalogue, &who, CONTACT_ATTACH, &visit, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!sound.len)
		make_sound();
	struct memory_io memory AUTO(memory_io_fini);
	const struct io *io = memory_io_init(&memory);
	struct reader in = reader_of(data, len);
	struct catalogue *catalogue = NULL;
	struct error error = {0};
	bool reads_only = reader_u8(&in) & 1;
	(void)memory_io_put(&memory, DATABASE, sound.at, sound.len);
	(void)memory_io_put(&memory, LOG_NAME, sound_log.at, sound_log.len);
	struct buffer *database = &memory_io_find(&memory, DATABASE)->bytes;
	struct buffer *log = &memory_io_find(&memory, LOG_NAME)->bytes;
	while (in.left > 0)
		change(&in, database, log);
	mend(database, log);
	int err = reads_only ? catalogue_open_to_read(io, "memory", &catalogue, &error)
			     : catalogue_open(io, "memory", &catalogue, &error);
	if (err < 0)
		return 0;
	read_all(catalogue);
	(void)catalogue_close(catalogue, &error);
	return 0;
}
