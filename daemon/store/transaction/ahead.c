/* Checking pieces before the commit (transaction.h). */
#include "daemon/store/transaction/state.h"
#include "proto/base/cleanup.h"

bool transaction_has_ahead(const struct transaction *transaction)
{
	const struct pieces_ahead *ahead = &transaction->ahead;
	return ahead->next < ahead->waiting_count && ahead->len <= PIECES_AHEAD_LEN_MAX;
}

int transaction_look_ahead(struct transaction *transaction, struct error *error)
{
	claim(!transaction->ended && transaction_has_ahead(transaction));
	struct pieces_ahead *ahead = &transaction->ahead;
	const struct unit_name *name = &ahead->waiting[ahead->next++];
	struct checked_piece piece AUTO(checked_piece_fini) = {0};
	struct error ignored;
	int err = segment_writer_flush(&transaction->writer, error);
	if (err || piece_check(transaction, NULL, name, &piece, &ignored) < 0)
		return err;
	err = piece_check_write(transaction, &piece, error);
	if (!err)
		err = pieces_ahead_keep(ahead, &piece, error);
	if (err)
		return err;
	piece = (struct checked_piece){0};
	return 0;
}
