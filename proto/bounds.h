/*
 * Every bound that client, daemon and formats share, each with its reason. A length
 * that comes from a peer or a file is compared with one of these before memory is
 * reserved for it. Units are in the names or after the number.
 */
#ifndef BATON_PROTO_BOUNDS_H
#define BATON_PROTO_BOUNDS_H

#include <stdint.h>

/* ---- protocol ------------------------------------------------------------------- */
#define PROTOCOL_VERSION 1u

/* One message header: u32 payload length, u16 type, u8 flags, u8 zero; little-endian. */
#define WIRE_HEADER_LEN 8u

/* A token: those of CI systems can have several KiB. */
#define TOKEN_LEN_MAX 16384u
/* What a peer may send before it has been greeted: a HELLO is some 300 bytes and a
 * token. */
#define HELLO_LEN_MAX (TOKEN_LEN_MAX + 4096u)
#define HELLO_TIMEOUT_MS 10000
/* What may come before that, of a TLS handshake: a chain of certificates has some KiB. */
#define HANDSHAKE_LEN_MAX 16384u
/* Grants that a WELCOME names, each a sentence; it fits where a HELLO does. */
#define WELCOME_GRANTS_MAX 16u
#define WELCOME_DATA_MAX 64u /* numbers: of a directory and 31 above it */

/* A control message (msgpack). The largest is a LOG_REPLY part or a list of excludes. */
#define CONTROL_LEN_MAX (256u * 1024u)
/* Objects in one control message: msgpack-c spends 24 bytes on each. */
#define CONTROL_OBJECTS_MAX 16384u
#define CONTROL_DEPTH_MAX 6u

/* A bulk message: a stored frame of the largest size, its header and table. */
#define BULK_LEN_MAX (3u * 1024u * 1024u)

/* ---- names ---------------------------------------------------------------------- */
#define NAME_LEN_MAX 255u /* namespace, workflow, job, shard, run … in bytes */
#define LAYER_ID_LEN 8u   /* bytes of a layer's id, which is written in hex */
#define LAYER_ID_DIGITS (2u * LAYER_ID_LEN)
#define LAYER_ID_TEXT_SIZE (LAYER_ID_DIGITS + 1)
#define KEY_LEN 16u            /* by which a repeated PERSIST is known */
#define NEEDS_MAX 1024u        /* needs, from, prefer: entries each */
#define HELD_TAGS_MAX 16u      /* views that an ATTACH may name as held */
#define PATTERNS_MAX 4096u     /* only, exclude: entries each */
#define PATTERN_LEN_MAX 32768u /* bytes of one pattern */
#define COMPONENT_LEN_MAX 255u /* Linux NAME_MAX */
/* Stored paths may exceed PATH_MAX (4096): every call is relative to a descriptor. */
#define PATH_LEN_MAX 32768u
#define PATH_DEPTH_MAX 4096u
#define LINK_TARGET_LEN_MAX 4095u /* Linux: a longer target cannot be created */

/* ---- units and frames ------------------------------------------------------------ */
/* A file up to this size is one unit; a larger one is cut by FastCDC. */
#define UNIT_WHOLE_MAX (1024u * 1024u)
#define CHUNK_MIN (128u * 1024u)
#define CHUNK_AVERAGE (512u * 1024u)
#define CHUNK_MAX (2u * 1024u * 1024u)
#define UNIT_LEN_MAX CHUNK_MAX
/* Frames close at this raw size: zstd level 1 has a window of 512 KiB, larger frames
 * gain nothing (measured: 256 KiB to 1 MiB make no difference in speed). */
#define FRAME_RAW_TARGET (512u * 1024u)
#define FRAME_RAW_MAX UNIT_LEN_MAX
#define FRAME_UNITS_MAX 4096u
/* Compressed payload: never larger than raw, because codec 0 stores it as it is. */
#define FRAME_STORED_MAX FRAME_RAW_MAX
/* zstd frames declare a window; ours need 512 KiB, and decoding memory is bounded. */
#define ZSTD_WINDOW_LOG_MAX 23

/* ---- questions in flight ---------------------------------------------------------- */
/* Units asked about or sent and not yet answered, per session. The daemon buffers that
 * many answers (at most 129 bytes each), so a client never has to read while it sends. */
#define ASK_WINDOW_UNITS 16384u
#define ASK_UNITS_MAX 4096u /* in one ASK */
/* What asking about a unit counts for where a client has to move something: to read and
 * hash it is work, however little is sent of it. Not more, or asking would be a cheap way
 * to stay. */
#define UNIT_WORK_LEN 1024u
#define CANDIDATES_MAX 4u /* SHA-256 answers for one (XXH3-128, length) */

/* ---- manifests -------------------------------------------------------------------- */
#define PIECE_LEN_TARGET (64u * 1024u) /* average; cut at row boundaries by path hash */
#define PIECE_LEN_MIN (16u * 1024u)
#define PIECE_LEN_MAX (256u * 1024u)
/* A row may exceed PIECE_LEN_MAX only through its units; then it is a piece alone. */
#define PIECE_ALONE_MAX UNIT_LEN_MAX
#define ROW_UNITS_MAX 41000u /* what fits a piece alone: files of about 20 GiB */
#define ROW_FIELDS_MAX 64u
#define PIECES_MAX 65536u
#define ROOT_LEN_MAX UNIT_LEN_MAX /* the root itself is kept as one frame */
/* The root's length ends a layer at some 14 million paths before this does. */
#define LAYER_ROWS_MAX (16u * 1000u * 1000u)
/* Unit mentions of a layer, and of a view: 4 bytes each while an attach runs. Repeated
 * rows compress a thousandfold, so the bytes sent are no bound. */
#define LAYER_UNITS_MAX (32u * 1000u * 1000u)
#define WORKSPACE_LAYERS_MAX 10000u

/* A time to live, in milliseconds, that has no end: the largest number of SQLite. */
#define LIFETIME_NEVER_MS ((uint64_t)INT64_MAX)

#endif
