/*
 * A folder, or a whole tree, as one file: .zip or .tar, made while it is sent. Nothing of
 * it is compressed, its length is known before its first byte, and the same tree always
 * gives the same bytes. Modes, links and times (whole seconds) are in it.
 *
 * Two passes over the manifest: one for the length, which finds conflicts too, one that
 * sends. Memory: what a merge takes (tree.h), one frame, and of a .zip 4 bytes for each
 * entry.
 */
#ifndef BATON_DAEMON_HTTP_ARCHIVE_FORMAT_H
#define BATON_DAEMON_HTTP_ARCHIVE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/manifest/manifest.h"

/* One entry, as the formats see it. */
struct archive_entry {
	const struct row *row; /* borrowed */
	const char *name;      /* borrowed; below the folder, without a `/` at its end */
	size_t name_len;
	uint64_t at;  /* where its head begins in the archive */
	uint32_t crc; /* CRC-32 of its content, where the format wants it */
};

/* How much its content takes: the target of a link is content in a .zip, and none in a
 * .tar. */
struct archive_format {
	const char *media_type;
	bool wants_crc; /* of each content, before its head */
	bool has_index; /* put_index() is called for each entry behind the last content */
	/* Whether a link's target is its content. */
	bool link_has_content;
	void (*put_head)(struct buffer *out, const struct archive_entry *entry);
	/* Bytes of zeros behind a content of this length. */
	uint32_t (*padding)(uint64_t content_len);
	void (*put_index)(struct buffer *out, const struct archive_entry *entry);
	/* index_at: where the index begins; its length; how many entries there are. */
	void (*put_end)(struct buffer *out, uint64_t index_at, uint64_t index_len,
			uint64_t count);
};

extern const struct archive_format archive_zip, archive_tar;

#endif
