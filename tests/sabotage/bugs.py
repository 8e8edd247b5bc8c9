"""The planted bugs: what each breaks, where, and the tests that could notice it.

A bug is one change of one source. `before` stands there exactly once; test_sabotage.py says where
the sources have moved on. Tests are names as tests/run knows them (a unit test, or a scenario's
file), the quickest first.
"""

import collections

MARK = "planted bug: "  # stands in every program that has one


class Bug(collections.namedtuple("Bug", "breaks file before after tests")):
    def planted(self, source):
        """The source with the bug in it."""
        if source.count(self.before) != 1:
            raise SystemExit(f"{self.file}: {source.count(self.before)} times, not once:\n"
                             f"{self.before}")
        return source.replace(self.before, self.after)


BUGS = {}


def bug(name, breaks, file, before, after, *tests):
    assert name not in BUGS and before != after and tests, name
    BUGS[name] = Bug(breaks, file, before, after, tests)


# ---- what is durable when ----------------------------------------------------------------------

bug("skip-the-data-flush", "a segment's bytes are synced before the catalogue names them",
    "daemon/store/segment/writer.c",
    "\tif (store->io->fdatasync(store->io->context, segment->fd) == 0)\n\t\treturn 0;\n",
    "\tif (segment->fd >= 0)\n\t\treturn 0;\n",
    "store_fault")

bug("skip-the-folders-flush", "a new segment's name is synced before the catalogue names it",
    "daemon/store/segment/writer.c",
    "\tif (err || !created)\n\t\treturn err;\n",
    "\tif (err || created)\n\t\treturn err;\n",
    "store_fault")

bug("acknowledge-before-the-flush", "the catalogue is told after the segments are synced",
    "daemon/store/transaction/commit.c",
    "\t\terr = segment_writer_sync(&transaction->writer, error);\n\tif (!err)\n"
    "\t\terr = tell_catalogue(commit, ret_record, ret_again, error);\n",
    "\t\terr = segment_writer_flush(&transaction->writer, error);\n\tif (!err)\n"
    "\t\terr = tell_catalogue(commit, ret_record, ret_again, error);\n\tif (!err)\n"
    "\t\t(void)segment_writer_sync(&transaction->writer, error);\n",
    "store_fault")

bug("acknowledge-without-the-logs-flush", "a layer's transaction is synced when it returns",
    "daemon/store/catalogue/commit.c",
    "\tint result = change_begin(&change, catalogue, error);\n\tif (result == 0)\n"
    "\t\tresult = write_layer(",
    "\tint result = change_begin_unsynced(&change, catalogue, error);\n\tif (result == 0)\n"
    "\t\tresult = write_layer(",
    "catalogue_fault", "store_fault")

bug("build-on-a-contact-that-may-go", "an attach syncs the contact that it builds on",
    "daemon/store/catalogue/contact.c",
    "\tif (result == 0 && !looks && caller->request->kind == CONTACT_ATTACH)\n",
    "\tif (result > 0 && !looks && caller->request->kind == CONTACT_ATTACH)\n",
    "catalogue_fault")

bug("skip-the-logs-flush", "SQLite's syncs reach the disk",
    "daemon/store/database/vfs.c",
    "\tif (io->fdatasync(io->context, file->fd) < 0)\n",
    "\tif (io->size(io->context, file->fd) < 0)\n",
    "catalogue_fault")

bug("believe-a-log-that-was-not-synced", "a start rewrites and syncs the log before it answers",
    "daemon/store/catalogue/open.c",
    "\tint result = rewrite(io, fd);\n",
    "\tint result = io->size(io->context, fd) < 0 ? rewrite(io, fd) : 0;\n",
    "catalogue_fault")

bug("ignore-a-short-write", "a write that transfers a part is gone on with",
    "daemon/store/disk/io.c",
    "\t\tat += put;\n\t\tlen -= (size_t)put;\n\t\toffset += (size_t)put;\n",
    "\t\tat += len;\n\t\toffset += len;\n\t\tlen = 0;\n",
    "catalogue_fault", "store_fault")

bug("ignore-a-short-read", "a read that transfers a part is gone on with",
    "daemon/store/disk/io.c",
    "\t\tat += got;\n\t\tlen -= (size_t)got;\n\t\toffset += (size_t)got;\n",
    "\t\tat += len;\n\t\toffset += len;\n\t\tlen = 0;\n",
    "every_call")

bug("ignore-an-interrupted-read", "EINTR is no failure",
    "daemon/store/disk/io.c",
    "\t\tif (got < 0 && errno == EINTR)\n\t\t\tcontinue;\n",
    "",
    "every_call")

bug("ignore-a-failed-close", "a written segment that cannot be closed ends the store's changes",
    "daemon/store/segment/table.c",
    "\tif (failed && segment->created && segment->current && table->close_errno == 0)\n",
    "\tif (failed && !segment->created && segment->current && table->close_errno == 0)\n",
    "every_call")

bug("retry-a-failed-flush", "a failed sync is never tried again",
    "daemon/store/segment/writer.c",
    "\tif (store->io->fdatasync(store->io->context, segment->fd) == 0)\n\t\treturn 0;\n",
    "\tif (store->io->fdatasync(store->io->context, segment->fd) == 0 ||\n"
    "\t    store->io->fdatasync(store->io->context, segment->fd) == 0)\n\t\treturn 0;\n",
    "store_fault")

bug("retry-a-failed-log-flush", "a failed sync of the log is never tried again",
    "daemon/store/database/vfs.c",
    "\tif (io->fdatasync(io->context, file->fd) < 0)\n",
    "\tif (io->fdatasync(io->context, file->fd) < 0 &&\n"
    "\t    io->fdatasync(io->context, file->fd) < 0)\n",
    "catalogue_fault")

bug("go-on-after-a-failed-write", "no change is taken after a failed write",
    "daemon/store/disk/health.c",
    "\tbool failed_before = atomic_exchange(&health->failed, true);\n",
    "\tbool failed_before = atomic_load(&health->failed);\n",
    "store_fault")

bug("cut-back-what-may-be-committed", "after a failed commit the bytes that it may name stay",
    "daemon/store/segment/writer.c",
    "\tbool failed = atomic_load(&store->health.failed);\n",
    "\tbool failed = false;\n",
    "store_fault")

bug("stamp-before-the-commit", "a stamp is never newer than the catalogue",
    "daemon/store/catalogue/change.c",
    "\tif (result == 0)\n\t\tresult = run(catalogue, \"COMMIT\", error);\n",
    "\tstruct stamp_mark early = {catalogue->store, (uint64_t)commits};\n"
    "\tif (result == 0 && commits)\n\t\tstamp_put(&catalogue->stamp, &early);\n"
    "\tif (result == 0)\n\t\tresult = run(catalogue, \"COMMIT\", error);\n",
    "every_call", "store_fault")

# ---- recovery ----------------------------------------------------------------------------------

bug("accept-a-torn-tail", "bytes that nobody vouches for are cut off at a start",
    "daemon/store/recovery_segments.c",
    "\t\tuint64_t excess = survey_excess(survey, i);\n\t\tint err = excess ?",
    "\t\tuint64_t excess = 0 * survey_excess(survey, i);\n\t\tint err = excess ?",
    "store")

bug("remove-although-there-is-damage", "while damage is known nothing is cut off or deleted",
    "daemon/store/recovery_segments.c",
    "\tif (damaged || store->frozen || survey->unsure)\n\t\treturn 0;\n",
    "\tif (store->frozen || survey->unsure)\n\t\treturn 0;\n",
    "store")

bug("remove-what-a-forgotten-commit-wrote", "a catalogue that has forgotten removes nothing",
    "daemon/store/store.c",
    "\tforgotten_look(store, survey, &store->health.refusal);\n",
    "\tforgotten_look(store, survey, &(struct error){0});\n",
    "forgotten")

bug("trust-a-stale-index", "the mark of a clean stop is gone, durably, before the index changes",
    "daemon/store/recovery.c",
    "\tif (io->unlink(io->context, store->directory_fd, \"clean\") < 0 ||\n"
    "\t    io->fsync(io->context, store->directory_fd) < 0)\n",
    "\tif (io->size(io->context, store->directory_fd) < 0)\n",
    "store", "store_fault")

bug("call-an-unsynced-index-clean", "the index is on the disk before the mark of a clean stop",
    "daemon/store/index/database.c",
    "\treturn units->io ? sync_file(units, error) : 0;\n",
    "\treturn units->io && units->fault[0] ? sync_file(units, error) : 0;\n",
    "store_fault")

bug("raise-the-format-last", "an older batond is kept away before anything is changed",
    "daemon/store/store.c",
    "\tif (!err)\n\t\terr = recovery_raise_format(store, error);\n\tif (!err)\n"
    "\t\terr = catalogue_open(store->io, store->directory, &store->catalogue,\n"
    "\t\t\t\t     error);\n",
    "\tif (!err)\n"
    "\t\terr = catalogue_open(store->io, store->directory, &store->catalogue,\n"
    "\t\t\t\t     error);\n"
    "\tif (!err)\n\t\terr = recovery_raise_format(store, error);\n",
    "every_call")

# ---- moving ------------------------------------------------------------------------------------

bug("move-without-a-flush", "a moved segment's copy is synced before the catalogue names it",
    "daemon/store/segment/move.c",
    "\tif (io->fdatasync(io->context, copy->to) == 0 &&\n"
    "\t    io->fsync(io->context, copy->store->segments_fd) == 0)\n\t\treturn 0;\n",
    "\tif (io->fsync(io->context, copy->store->segments_fd) == 0)\n\t\treturn 0;\n",
    "removal_fault", "store_fault")

bug("move-under-a-name-that-may-go", "the name of a moved segment's copy is synced",
    "daemon/store/segment/move.c",
    "\tif (io->fdatasync(io->context, copy->to) == 0 &&\n"
    "\t    io->fsync(io->context, copy->store->segments_fd) == 0)\n\t\treturn 0;\n",
    "\tif (io->fdatasync(io->context, copy->to) == 0)\n\t\treturn 0;\n",
    "removal_fault", "store_fault")

bug("unlink-before-the-catalogue-knows", "the old file goes after the catalogue names the new",
    "daemon/store/segment/move.c",
    "\tif (!err)\n\t\terr = tell_catalogue(&copy, error);\n",
    "\tif (!err)\n\t\t(void)store->io->unlink(store->io->context, store->segments_fd,\n"
    "\t\t\t\t\tsegment->location);\n"
    "\tif (!err)\n\t\terr = tell_catalogue(&copy, error);\n",
    "removal_fault", "store_fault")

bug("move-what-is-being-written", "a segment with a writer is not moved",
    "daemon/store/segment/table.c",
    "\tif (segment->leased || !segment->current)\n",
    "\tif (!segment->current)\n",
    "store_check")

bug("free-what-is-pinned", "a segment that somebody reads keeps its descriptor",
    "daemon/store/segment/table.c",
    "\tsegment->pins--;\n\tif (segment->pins > 0)\n\t\treturn;\n",
    "\tsegment->pins--;\n\tif (segment->pins > 1)\n\t\treturn;\n",
    "store_check", "store_threads")

# ---- removal and compaction --------------------------------------------------------------------

bug("remove-what-a-session-was-offered", "removal waits for who may name what goes",
    "daemon/store/removal/groups.c",
    "\tint err = tickets_wait(pass->store->tickets, &pass->collector->stop)\n"
    "\t\t\t  ? run_marks(pass, &marks, error)\n"
    "\t\t\t  : pass_interrupted(error);\n",
    "\tint err = run_marks(pass, &marks, error);\n",
    "collector_races")

bug("remove-although-metadata-is-damaged", "damage that is known stops removal in its namespace",
    "daemon/store/removal/pass.c",
    "\t\tif (pass->damaged.ids[i] == namespace_id)\n\t\t\treturn true;\n",
    "\t\tif (pass->damaged.ids[i] == -namespace_id)\n\t\t\treturn true;\n",
    "collector_races")

bug("compact-away-what-a-placement-names", "compaction keeps each frame that a layer needs",
    "daemon/store/removal/victim.c",
    "\t\t*offset += needed->len;\n\t\twalk->next++;\n",
    "\t\tif (walk->next == 1)\n\t\t\tholes_add(&walk->holes, *offset, needed->len);\n"
    "\t\t*offset += needed->len;\n\t\twalk->next++;\n",
    "collector", "removal_fault")

bug("remove-before-a-day-is-over", "what expired stays until daemons have run for a day",
    "daemon/store/life/removal.c",
    "\"  WHERE name = 'running_ms'), 0) - ?1\"\n",
    "\"  WHERE name = 'running_ms'), 0) - 0 * ?1\"\n",
    "collector")

bug("remove-what-is-kept", "what an operator keeps stays",
    "daemon/store/life/removal.c",
    "\" expired_ms IS NOT NULL AND removed_ms IS NULL AND kept_ms IS NULL\"",
    "\" expired_ms IS NOT NULL AND removed_ms IS NULL\"",
    "collector")

bug("remove-what-a-retry-has", "what a retry inherited lives as long as it does",
    "daemon/store/life/removal.c",
    "\"  AND heir.removed_ms IS NULL)\");\n",
    "\"  AND heir.removed_ms IS NOT NULL)\");\n",
    "collector")

bug("unlink-before-the-catalogue-forgets", "a removed segment's file goes last",
    "daemon/store/removal/victim.c",
    "\tint err = catalogue_remove_segment(store->catalogue, &of->segment->id, error);\n",
    "\t(void)store->io->unlink(store->io->context, store->segments_fd,\n"
    "\t\t\t\tof->segment->location);\n"
    "\tint err = catalogue_remove_segment(store->catalogue, &of->segment->id, error);\n",
    "removal_fault")

bug("offer-what-is-being-removed", "nothing in a closed segment is offered",
    "daemon/store/transaction/offer.c",
    "\tif (pinned && segment_table_is_closed(table, found->segment))\n",
    "\tif (!pinned && segment_table_is_closed(table, found->segment))\n",
    "collector_races")

# ---- what is served and offered ----------------------------------------------------------------

bug("serve-a-payload-without-checking", "a payload that changed is damage",
    "proto/unit/frame.c",
    "\tif (!xxh128_equal(&got, &header->payload_xxh))\n",
    "\tif (header->stored_len == 0)\n",
    "store_check")

bug("serve-a-unit-without-checking", "a unit's bytes are compared with its name",
    "client/download/download.c",
    "\tif (download->verify) {\n",
    "\tif (download->verify && name->key.len == UINT32_MAX) {\n",
    "download", "test_wire_view.py")

bug("serve-a-page-without-checking", "a page of the catalogue that changed is damage",
    "daemon/store/database/vfs_page.c",
    "\tif (code == SQLITE_OK && page_sum_is_right(ret_data, number))\n",
    "\tif (code == SQLITE_OK)\n",
    "catalogue_pages")

bug("serve-a-logged-page-without-checking", "a page in the log that changed is damage",
    "daemon/store/database/vfs_page.c",
    "\tif (code != SQLITE_OK ||\n"
    "\t    !log_frame_is_right(header, ret_page, before, file->big_endian))\n",
    "\tif (code != SQLITE_OK)\n",
    "catalogue_pages")

bug("reuse-without-the-sha-256", "an offer names the SHA-256 that the frame's table has",
    "daemon/store/transaction/offer.c",
    "\treturn place->position < found->unit_count &&\n"
    "\t       unit_name_equal(&heads->units[place->position], name);\n",
    "\treturn place->position < found->unit_count;\n",
    "store_check", "store")

bug("forget-what-is-damaged", "no unit of a frame that is known to be damaged is offered",
    "daemon/store/segment/damage.c",
    "\t*at = *mark;\n\tdamage->count = count + 1;\n",
    "\t*at = *mark;\n",
    "healing")

bug("offer-across-namespaces", "what one namespace has is no secret told to another",
    "daemon/store/catalogue/workflow.c",
    "\tclaim(name.len <= NAME_LEN_MAX);\n\tmemcpy(ret_key, name.at, name.len);\n",
    "\tclaim(name.len <= NAME_LEN_MAX);\n\treturn name;\n\tmemcpy(ret_key, name.at, name.len);\n",
    "catalogue_tiers")

bug("believe-what-a-root-says", "a commit compares what a root says of its pieces with them",
    "daemon/store/transaction/commit_pieces.c",
    "\tif (!err && !is_as_root_says(checked ? checked : &now, entry))\n",
    "\tif (!err && !is_as_root_says(checked ? checked : &now, entry) && !entry)\n",
    "store")

bug("take-units-unread", "a unit's XXH3-128 is computed before it is stored",
    "daemon/verb/persist/unit_job.c",
    "\t\tif (!xxh128_equal(&xxh, &unit->key.xxh))\n",
    "\t\tif (job->units == NULL)\n",
    "test_wire_refused.py")

# ---- what exists -------------------------------------------------------------------------------

bug("make-two-layers-of-one-persist", "the same persist sent again is the same layer",
    "daemon/store/catalogue/commit.c",
    "\tint found = find_again(catalogue, commit, &record, error);\n",
    "\tint found = 0 * find_again(catalogue, commit, &record, error);\n",
    "catalogue_layers", "store")

bug("lose-a-retrys-parent", "what a workflow retries is fixed with its first contact",
    "daemon/store/catalogue/contact.c",
    "\tif (parent_id)\n\t\tquery_number(&query, parent_id);\n",
    "\tif (parent_id < 0)\n\t\tquery_number(&query, parent_id);\n",
    "catalogue_retry")

bug("lose-what-a-retry-inherits", "a retry sees what its parent had",
    "daemon/store/catalogue/inherit.c",
    "\tfor (size_t i = 0; result == 0 && i < count; i++)\n",
    "\tfor (size_t i = 1; result == 0 && i < count; i++)\n",
    "catalogue_retry")

bug("commit-into-an-expired-workflow", "what is hidden takes no layer",
    "daemon/store/catalogue/commit.c",
    "\tif (workflow->expired_ms)\n\t\treturn catalogue_expired(",
    "\tif (workflow->expired_ms < 0)\n\t\treturn catalogue_expired(",
    "catalogue_retry")

bug("forget-a-segment-of-a-layer", "a layer names every segment that it needs",
    "daemon/store/catalogue/commit.c",
    "\tfor (size_t i = 0; result == 0 && i < commit->segment_count; i++)\n",
    "\tfor (size_t i = 1; result == 0 && i < commit->segment_count; i++)\n",
    "store_check", "store", "catalogue_layers")

bug("believe-a-clock-that-jumped", "a wall clock that jumps ahead ends no life",
    "daemon/store/catalogue/lifetime.c",
    "\treturn catalogue->lifetime.ahead_ms + read_clocks(catalogue).uptime_ms;\n",
    "\treturn read_clocks(catalogue).wall_ms;\n",
    "lifetime")
