/* version: of this program and of the protocol it speaks. */
#include "client/commands/command.h"
#include "proto/bounds.h"

int version_run(const struct options *options, struct report *report, struct error *error)
{
	(void)options;
	(void)error;
	report_answer(report, "baton " BATON_VERSION " (protocol %u)", PROTOCOL_VERSION);
	struct json_writer *writer = report_json(report);
	if (!writer)
		return 0;
	json_writer_text(writer, "version", BATON_VERSION);
	json_writer_unsigned(writer, "protocol", PROTOCOL_VERSION);
	return 0;
}
