#include "client/download/want.h"

#include <stdlib.h>

#include "proto/base/cleanup.h"

/* Bytes of bitmap in one WANT: 8 million mentions. */
#define WANT_BITMAP_MAX (1024u * 1024u)

void want_init(struct want *want, const struct view_table *table, uint32_t first,
	       uint32_t count, uint32_t needed)
{
	claim(first % 8 == 0);
	*want = (struct want){.table = table, .first = first, .count = count};
	slots_reserve(&want->heads, needed);
	want->next = must_alloc((count + (size_t)1) * sizeof(*want->next));
	want->bits = must_calloc(count / 8 + (size_t)1, 1);
}

void want_fini(struct want *want)
{
	slots_fini(&want->heads);
	free(want->next);
	free(want->bits);
	*want = (struct want){0};
}

static uint32_t hash_of(const void *context, uint32_t mention)
{
	const struct want *want = context;
	return (uint32_t)unit_key_hash(&want->table->units[mention].name.key);
}

void want_add(struct want *want, uint32_t mention)
{
	uint32_t position = mention - want->first;
	claim(position < want->count);
	uint32_t head = want_find(want, &want->table->units[mention].name);
	if (head != WANT_NONE) {
		uint32_t *behind = &want->next[head - want->first];
		want->next[position] = *behind;
		*behind = mention;
		return;
	}
	slots_add(&want->heads, hash_of(want, mention), mention, hash_of, want);
	want->next[position] = WANT_NONE;
	want->bits[position / 8] |= (uint8_t)(1u << position % 8);
	want->wanted++;
	want->left++;
}

/* ---- asking ---- */

static int send_part(const struct want *want, struct link *link, size_t start, size_t end,
		     struct error *error)
{
	struct buffer head AUTO(buffer_fini) = {0};
	size_t all = want->count / 8 + (size_t)1;
	buffer_put_u8(&head, end == all);
	buffer_put_u8(&head, 0);
	buffer_put_u16(&head, 0);
	buffer_put_u64(&head, want->first + start * 8);
	while (end > start && want->bits[end - 1] == 0)
		end--;
	struct iovec pieces[] = {
		{.iov_base = head.at, .iov_len = head.len},
		{.iov_base = want->bits + start, .iov_len = end - start}};
	return link_send(link, MSG_WANT, pieces, 2, error);
}

int want_send(const struct want *want, struct link *link, struct error *error)
{
	size_t all = want->count / 8 + (size_t)1;
	int err = 0;
	for (size_t start = 0; !err && start < all; start += WANT_BITMAP_MAX) {
		size_t end = start + WANT_BITMAP_MAX < all ? start + WANT_BITMAP_MAX
							   : all;
		err = send_part(want, link, start, end, error);
	}
	return err;
}

/* ---- taking ---- */

uint32_t want_find(const struct want *want, const struct unit_name *name)
{
	const struct view_unit *units = want->table->units;
	struct slots_walk walk =
		slots_walk(&want->heads, (uint32_t)unit_key_hash(&name->key));
	for (uint32_t i; slots_next(&walk, &i);)
		if (unit_name_equal(&units[i].name, name))
			return i;
	return WANT_NONE;
}

bool want_is_taken(const struct want *want, uint32_t mention)
{
	uint32_t position = mention - want->first;
	uint8_t byte = __atomic_load_n(&want->bits[position / 8], __ATOMIC_RELAXED);
	return !(byte >> position % 8 & 1);
}

bool want_take(struct want *want, uint32_t mention)
{
	uint32_t position = mention - want->first;
	uint8_t bit = (uint8_t)(1u << position % 8);
	uint8_t before = __atomic_fetch_and(&want->bits[position / 8], (uint8_t)~bit,
					    __ATOMIC_RELAXED);
	if (!(before & bit))
		return false;
	(void)__atomic_fetch_sub(&want->left, 1, __ATOMIC_RELAXED);
	return true;
}

uint64_t want_left(const struct want *want)
{
	return __atomic_load_n(&want->left, __ATOMIC_RELAXED);
}

uint32_t want_next(const struct want *want, uint32_t mention)
{
	return want->next[mention - want->first];
}

uint32_t want_first_left(const struct want *want)
{
	for (uint32_t at = 0; at < want->count; at++)
		if (!want_is_taken(want, want->first + at))
			return want->first + at;
	return WANT_NONE;
}
