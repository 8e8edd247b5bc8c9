#include "client/terminal/advice.h"

#include <string.h>

#include "proto/base/advice.h"
#include "proto/base/text.h"

static const char *const texts[ADVICE_COUNT] = {
	[ADVICE_AT_NAME_WORKFLOW] = ": name it with --workflow",
	[ADVICE_AT_NAME_JOB] = ": name it with --job",
	[ADVICE_AT_NAME_SHARD] =
		"; a matrix? give each leg its --shard; a retry? a later "
		"--attempt",
	[ADVICE_AT_RETRY_CONTRADICTS] = "; --retry-of contradicts that: leave it out, or "
					"name another --workflow",
	[ADVICE_AT_RETRY_LATE] = "; --retry-of came too late: leave it out, or name "
				 "another --workflow, which begins with it",
	[ADVICE_AT_RETRY_NONE] = "; --retry-of none begins afresh",
	[ADVICE_AT_RETRY_OF] =
		"; if it retries another workflow, name that with --retry-of",
	[ADVICE_AT_ONE_NEED_EACH] = " (a comma does not separate names here; give "
				    "--needs once for each)",
	[ADVICE_AT_ONE_FROM_EACH] = " (a comma does not separate names here; give "
				    "--from once for each)",
	[ADVICE_AT_ONE_PREFER_EACH] = " (a comma does not separate names here; give "
				      "--prefer once for each)",
	[ADVICE_AT_STALE_TOO] = ", or use --stale=keep",
	[ADVICE_AT_STALE_BACK] = " (--stale=keep brings them back)",
	[ADVICE_AT_UNTRUSTED_TOO] = " (--tier=untrusted shows them)",
	[ADVICE_AT_FILTERS] = " --only and --exclude; `baton ls` shows what it holds "
			      "(--only '*.c' means the top folder alone, '**/*.c' any)",
	[ADVICE_AT_NARROW] = "; narrow it with --only, --exclude or --from",
	[ADVICE_AT_CHOOSE_JOB] =
		"; choose with --prefer JOB, --on-conflict first|last or "
		"--from JOB, or keep all with --by-job",
	[ADVICE_AT_CHOOSE_SHARD] = "; choose with --prefer JOB/SHARD, --on-conflict "
				   "first|last, or keep all with --by-job",
	[ADVICE_AT_CHOOSE_LATER] = " (--prefer, --on-conflict, --from, --by-job)",
	[ADVICE_AT_LOG_ALL] = " (`baton log --all` lists it)",
	[ADVICE_AT_GIVE_TOKEN] =
		": give one with --token-file, BATON_TOKEN_FILE or BATON_TOKEN "
		"(`batond token create` on the daemon's machine makes one)",
	[ADVICE_AT_ALLOW_EMPTY] = "; --if-empty=ok allows that",
	[ADVICE_AT_NAME_NAMESPACE] = "; name the namespace with --namespace or "
				     "BATON_NAMESPACE",
};

const char *advice_text(uint32_t advice, char ret_text[ADVICE_TEXT_SIZE])
{
	size_t len = 0;
	ret_text[0] = '\0';
	for (unsigned i = 0; i < ADVICE_COUNT; i++) {
		if (!(advice & 1u << i))
			continue;
		text_print(ret_text + len, ADVICE_TEXT_SIZE - len, "%s", texts[i]);
		len += strlen(ret_text + len);
	}
	return ret_text;
}
