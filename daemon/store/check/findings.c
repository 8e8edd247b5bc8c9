#include "daemon/store/check/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Labels in one sentence. */
#define LAYERS_NAMED 20u

struct finding *findings_add(struct findings *findings, const char *sentence)
{
	array_make_room(findings->at, findings->count, findings->room);
	struct finding *finding = &findings->at[findings->count++];
	*finding = (struct finding){.sentence = must_strdup(sentence)};
	return finding;
}

void findings_add_at(struct findings *findings, const struct segment_id *segment,
		     uint64_t offset, const char *sentence)
{
	struct finding *finding = findings_add(findings, sentence);
	finding->has_place = true;
	finding->segment = *segment;
	finding->offset = offset;
}

void findings_add_segment(struct findings *findings, const struct segment_id *segment,
			  const char *sentence)
{
	findings_add_at(findings, segment, 0, sentence);
	findings->at[findings->count - 1].whole_segment = true;
}

void finding_touches(struct finding *finding, const struct check_label *label, bool whole)
{
	finding->hurts = finding->hurts || !whole;
	if (finding->latest_layer == label->layer_id)
		return;
	finding->latest_layer = label->layer_id;
	finding->layer_count++;
	if (finding->layer_count > LAYERS_NAMED)
		return;
	if (finding->layers.len > 0)
		buffer_put(&finding->layers, ", ", 2);
	buffer_put(&finding->layers, label->text, strlen(label->text));
}

bool findings_touch(struct findings *findings, const struct check_label *label,
		    const struct segment_id *segment, uint64_t offset, bool whole)
{
	bool touched = false;
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->at[i];
		if (!finding->has_place ||
		    !segment_id_equal(&finding->segment, segment) ||
		    (!finding->whole_segment && finding->offset != offset))
			continue;
		finding_touches(finding, label, whole);
		touched = true;
	}
	return touched;
}

bool findings_touch_segment(struct findings *findings, const struct check_label *label,
			    const struct segment_id *segment)
{
	bool touched = false;
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->at[i];
		if (!finding->has_place || !segment_id_equal(&finding->segment, segment))
			continue;
		finding_touches(finding, label, false);
		touched = true;
	}
	return touched;
}

/* Something is damaged, but no layer lacks it. */
static bool is_healed(const struct finding *finding)
{
	return finding->layer_count > 0 && !finding->hurts;
}

static void tell(const struct finding *finding, const struct check_options *options)
{
	if (is_healed(finding) && !options->on_healed)
		return;
	struct buffer text AUTO(buffer_fini) = {0};
	buffer_put(&text, finding->sentence, strlen(finding->sentence));
	if (finding->layer_count > 0) {
		const char *touches = finding->layer_count == 1 ? "; touches layer "
								: "; touches layers ";
		buffer_put(&text, touches, strlen(touches));
		buffer_put(&text, finding->layers.at, finding->layers.len);
	} else if (finding->has_place) {
		static const char none[] = "; touches no layer";
		buffer_put(&text, none, sizeof(none) - 1);
	}
	if (finding->layer_count > LAYERS_NAMED) {
		char more[48];
		int len = snprintf(more, sizeof(more), " and %zu more",
				   finding->layer_count - LAYERS_NAMED);
		buffer_put(&text, more, (size_t)len);
	}
	buffer_put_u8(&text, '\0');
	(is_healed(finding) ? options->on_healed : options->on_damage)(
		options->context, (const char *)text.at);
}

size_t findings_tell(const struct findings *findings, const struct check_options *options)
{
	size_t healed = 0;
	for (size_t i = 0; i < findings->count; i++) {
		tell(&findings->at[i], options);
		healed += is_healed(&findings->at[i]);
	}
	return healed;
}

void findings_fini(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->at[i].sentence);
		buffer_fini(&findings->at[i].layers);
	}
	free(findings->at);
}
