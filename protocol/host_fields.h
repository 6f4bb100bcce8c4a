#pragma once

#include "protocol/messages.h"

/// The fields of reports and outcomes, as wire_fields.h has those of all other messages.
namespace serin {

template <class V>
void fields(V& v, SignatureCount& m) {
  v("i", m.id);
  v("n", m.count);
}
template <class V>
void fields(V& v, SecondCounts& m) {
  v("s", m.second);
  v("e", m.errors);
  v("l", m.lines);
  v("r", m.requests);
  v("m", m.signatures);
}
template <class V>
void fields(V& v, RunTotals& m) {
  v("errors", m.errors);
  v("lines", m.lines);
  v("requests", m.requests);
  v("late_errors", m.late_errors);
  v("late_lines", m.late_lines);
  v("skipped_bytes", m.skipped_bytes);
  v("long_lines", m.long_lines);
  v("unparsed", m.unparsed);
  v("suppressed", m.suppressed);
}
template <class V>
void fields(V& v, SignatureText& m) {
  v("id", m.id);
  v("rule", m.rule);
  v("text", m.text);
}
template <class V>
void fields(V& v, ApplicationCounts& m) {
  v("application", m.application);
  v("rules_hash", m.rules_hash);
  v("seconds", m.seconds);
  v("gap", m.gap);
  v("totals", m.totals);
  v("texts", m.texts);
}
template <class V>
void fields(V& v, Report& m) {
  v("run", m.run);
  v("sequence", m.sequence);
  v("clock_ms", m.clock_ms);
  v("applications", m.applications);
}
template <class V>
void fields(V& v, Outcome& m) {
  v("application", m.application);
  v("order", m.order);
  v("action", m.action);
  v("result", m.result);
  v("step", m.step);
  v("exit_status", m.exit_status);
  v("output", m.output);
  v("live_release", m.live_release);
  v("live_root", m.live_root);
  v("at_ms", m.at_ms);
  v("bytes_pulled", m.bytes_pulled);
  v("source_trouble", m.source_trouble);
}
}  // namespace serin
