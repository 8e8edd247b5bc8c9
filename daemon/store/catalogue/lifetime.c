#include "daemon/store/catalogue/lifetime.h"

#include "daemon/store/catalogue/internal.h"

/* The store's time begins where a catalogue is made, by the wall's clock: only so that
 * its numbers look familiar. From later ones it could leave the years that rows hold. */
#define BEGIN_MS_MAX (ROW_TIME_MAX / 2)
/* How old a mark may be: less than retention's hour. */
#define MARK_EVERY_MS ((int64_t)30 * 60 * 1000)

static struct clocks read_clocks(const struct catalogue *catalogue)
{
	struct clocks clocks;
	catalogue->io->clocks(catalogue->io->context, &clocks);
	if (clocks.wall_ms < 0)
		clocks.wall_ms = 0;
	if (clocks.wall_ms > ROW_TIME_MAX)
		clocks.wall_ms = ROW_TIME_MAX;
	return clocks;
}

int64_t lifetime_now(const struct catalogue *catalogue)
{
	return catalogue->lifetime.ahead_ms + read_clocks(catalogue).uptime_ms;
}

int64_t lifetime_running(const struct catalogue *catalogue)
{
	return catalogue->lifetime.running_ahead_ms + read_clocks(catalogue).awake_ms;
}

int64_t lifetime_wall(const struct catalogue *catalogue)
{
	return read_clocks(catalogue).wall_ms;
}

/* ---- what is kept ---------------------------------------------------------------- */

/* The names of a mark's three settings. */
struct mark_names {
	const char *boot, *time, *clock;
};

static const struct mark_names seen_names = {"seen_boot", "seen_ms", "seen_uptime_ms"};
static const struct mark_names synced_names = {"synced_boot", "synced_ms",
					       "synced_wall_ms"};

/* One whose numbers cannot be is none. */
static struct time_mark load_mark(struct catalogue *catalogue,
				  const struct mark_names *names)
{
	struct time_mark mark = {
		.boot = (uint64_t)catalogue_setting(catalogue, names->boot),
		.time_ms = catalogue_setting(catalogue, names->time),
		.clock_ms = catalogue_setting(catalogue, names->clock),
	};
	bool sound = mark.time_ms > 0 && mark.time_ms <= ROW_TIME_MAX &&
		     mark.clock_ms >= 0 && mark.clock_ms <= ROW_TIME_MAX;
	return sound ? mark : (struct time_mark){0};
}

/* Where they are not known they say that nothing has gone by since. */
static struct witnesses load_witnesses(struct catalogue *catalogue)
{
	struct witnesses witnesses = {
		.awake_ms = catalogue_setting(catalogue, "seen_awake_ms"),
		.wall_ms = catalogue_setting(catalogue, "seen_wall_ms"),
	};
	if (witnesses.awake_ms <= 0 || witnesses.awake_ms > ROW_TIME_MAX)
		witnesses.awake_ms = ROW_TIME_MAX;
	if (witnesses.wall_ms <= 0 || witnesses.wall_ms > ROW_TIME_MAX)
		witnesses.wall_ms = ROW_TIME_MAX;
	return witnesses;
}

/* A number that cannot be counts from 0 again. */
static int64_t load_running(struct catalogue *catalogue)
{
	int64_t running_ms = catalogue_setting(catalogue, "running_ms");
	return running_ms >= 0 && running_ms <= ROW_TIME_MAX ? running_ms : 0;
}

static int put_setting(struct catalogue *catalogue, const char *name, int64_t value,
		       struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)");
	query_text(&query, text_of(name));
	query_number(&query, value);
	return query_run(&query, error);
}

static int save_mark(struct catalogue *catalogue, const struct mark_names *names,
		     const struct time_mark *mark, struct error *error)
{
	int result = put_setting(catalogue, names->boot, (int64_t)mark->boot, error);
	if (result == 0)
		result = put_setting(catalogue, names->time, mark->time_ms, error);
	if (result == 0)
		result = put_setting(catalogue, names->clock, mark->clock_ms, error);
	return result;
}

static int save_witnesses(struct catalogue *catalogue, const struct witnesses *witnesses,
			  struct error *error)
{
	int result = put_setting(catalogue, "seen_awake_ms", witnesses->awake_ms, error);
	return result == 0
		       ? put_setting(catalogue, "seen_wall_ms", witnesses->wall_ms, error)
		       : result;
}

int lifetime_keep_running(struct catalogue *catalogue, struct error *error)
{
	int64_t running_ms = lifetime_running(catalogue);
	catalogue->lifetime.running_kept_ms = running_ms;
	return put_setting(catalogue, "running_ms", running_ms, error);
}

/* ---- going on -------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Within one boot all of its time is known, whether a daemon ran or not. The uptime may
 * have gone back where a machine was put back to an earlier state. Forward it goes no
 * further than another clock did: a sandbox may show its programs an uptime of its own.
 */
static int64_t time_after(const struct lifetime *last, const struct clocks *clocks)
{
	const struct time_mark *seen = &last->seen;
	if (!seen->boot || seen->boot != clocks->boot)
		return seen->time_ms;
	int64_t witnessed_ms = most(clocks->awake_ms - last->witnesses.awake_ms,
				    clocks->wall_ms - last->witnesses.wall_ms);
	int64_t step_ms = least(clocks->uptime_ms - seen->clock_ms, witnessed_ms);
	return seen->time_ms + most(step_ms, 0);
}

static int64_t beginning(const struct clocks *clocks)
{
	if (clocks->wall_ms > BEGIN_MS_MAX)
		return BEGIN_MS_MAX;
	return clocks->wall_ms > 0 ? clocks->wall_ms : 1;
}

void lifetime_open(struct catalogue *catalogue)
{
	struct clocks clocks = read_clocks(catalogue);
	struct lifetime *lifetime = &catalogue->lifetime;
	int64_t running_ms = load_running(catalogue);
	*lifetime = (struct lifetime){
		.seen = load_mark(catalogue, &seen_names),
		.witnesses = load_witnesses(catalogue),
		.synced = load_mark(catalogue, &synced_names),
		.contact_grain_ms = LIFETIME_CONTACT_GRAIN_MS,
		.running_ahead_ms = running_ms - clocks.awake_ms,
		.running_kept_ms = running_ms,
	};
	int64_t now_ms = lifetime->seen.time_ms ? time_after(lifetime, &clocks)
						: beginning(&clocks);
	lifetime->ahead_ms = now_ms - clocks.uptime_ms;
}

/* ---- what a look at the clocks changes ------------------------------------------- */

/* No contact is later than now: what says so was written by a batond that went by the
 * wall's clock, or since the last mark of a boot that is over. Where there is no mark,
 * nothing is known of any. */
static int begin_lives(struct catalogue *catalogue, uint64_t *ret_begun,
		       struct error *error)
{
	bool all = !catalogue->lifetime.seen.time_ms;
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "UPDATE workflows SET contact_ms = ?1,"
					      " contact_running_ms = ?3"
					      " WHERE expired_ms IS NULL AND (?2 OR"
					      " contact_ms > ?1)");
	query_number(&query, lifetime_now(catalogue));
	query_number(&query, all);
	query_number(&query, lifetime_running(catalogue));
	int result = query_run(&query, error);
	if (result == 0 && all)
		*ret_begun = (uint64_t)database_changes(catalogue->database);
	return result;
}

/* How long the machine was off since the mark, by a wall clock that is as right now as it
 * was then. */
static int64_t time_off(const struct time_mark *synced, const struct clocks *clocks,
			int64_t now_ms)
{
	if (!synced->time_ms || synced->boot == clocks->boot)
		return 0;
	int64_t off_ms =
		(clocks->wall_ms - synced->clock_ms) - (now_ms - synced->time_ms);
	return off_ms > 0 && now_ms + off_ms <= ROW_TIME_MAX ? off_ms : 0;
}

/* Somewhere after the mark it was off. Who had contact since may have had it after that,
 * and does not grow older by it. */
static int spare_since(struct catalogue *catalogue, int64_t since_ms, int64_t off_ms,
		       struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE workflows SET contact_ms = contact_ms + ?"
				     " WHERE expired_ms IS NULL AND contact_ms >= ?");
	query_number(&query, off_ms);
	query_number(&query, since_ms);
	return query_run(&query, error);
}

static int save_marks(struct catalogue *catalogue, struct error *error)
{
	const struct lifetime *lifetime = &catalogue->lifetime;
	int result = save_mark(catalogue, &seen_names, &lifetime->seen, error);
	if (result == 0)
		result = save_witnesses(catalogue, &lifetime->witnesses, error);
	if (result == 0)
		result = lifetime_keep_running(catalogue, error);
	return result == 0 && lifetime->synced.time_ms
		       ? save_mark(catalogue, &synced_names, &lifetime->synced, error)
		       : result;
}

/* Writes down where the store's time stands, where it has to be: a daemon that is only
 * started again writes nothing. Before that it adds what the machine was off. */
static int look_at_clocks(struct catalogue *catalogue, uint64_t *ret_off_ms,
			  struct error *error)
{
	struct clocks clocks = read_clocks(catalogue);
	struct lifetime *lifetime = &catalogue->lifetime;
	int64_t now_ms = lifetime->ahead_ms + clocks.uptime_ms;
	bool believed = clocks.boot &&
			catalogue->io->synchronised(catalogue->io->context);
	if (lifetime->seen.time_ms && lifetime->seen.boot == clocks.boot &&
	    now_ms - lifetime->seen.time_ms < MARK_EVERY_MS &&
	    (!believed || lifetime->synced.boot == clocks.boot))
		return 0;
	int64_t off_ms = believed ? time_off(&lifetime->synced, &clocks, now_ms) : 0;
	int result =
		off_ms ? spare_since(catalogue, lifetime->synced.time_ms, off_ms, error)
		       : 0;
	now_ms += off_ms;
	lifetime->ahead_ms += off_ms;
	lifetime->seen = (struct time_mark){clocks.boot, now_ms, clocks.uptime_ms};
	lifetime->witnesses = (struct witnesses){clocks.awake_ms, clocks.wall_ms};
	if (believed)
		lifetime->synced =
			(struct time_mark){clocks.boot, now_ms, clocks.wall_ms};
	*ret_off_ms = (uint64_t)off_ms;
	return result == 0 ? save_marks(catalogue, error) : result;
}

int lifetime_look(struct catalogue *catalogue, uint64_t *ret_begun, uint64_t *ret_off_ms,
		  struct error *error)
{
	int result = 0;
	*ret_begun = 0;
	if (!catalogue->lifetime.settled)
		result = begin_lives(catalogue, ret_begun, error);
	if (result == 0)
		result = look_at_clocks(catalogue, ret_off_ms, error);
	catalogue->lifetime.settled = true;
	return result;
}
