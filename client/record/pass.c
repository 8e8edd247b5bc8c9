#include "client/record/pass.h"

#include <stdlib.h>

#include "proto/base/bytes.h"

void record_pass_init(struct record_pass *pass, struct record_writer *writer,
		      uint32_t count)
{
	*pass = (struct record_pass){
		.writer = writer,
		.depths = must_calloc(count, sizeof(*pass->depths)),
	};
}

void record_pass_fini(struct record_pass *pass)
{
	record_writer_free(pass->writer);
	free(pass->depths);
	buffer_fini(&pass->units);
}

void record_pass_add_unit(struct record_pass *pass, const struct unit_name *unit)
{
	buffer_put(&pass->units, unit, sizeof(*unit));
}

void record_pass_add(struct record_pass *pass, uint32_t number, uint32_t parent,
		     const struct record_entry *entry)
{
	struct record_addition addition = {
		.entry = *entry,
		.units = (const struct unit_name *)(const void *)pass->units.at,
		.unit_count = (uint32_t)(pass->units.len / sizeof(*addition.units)),
	};
	if (number != parent)
		pass->depths[number] = pass->depths[parent] + 1;
	record_writer_add(pass->writer, pass->depths[number], &addition);
	buffer_clear(&pass->units);
}
