#pragma once

#include <string>
#include <vector>

#include "controller/judge/verdict.h"

namespace serin::judge {

/// What one source's judge says.
struct SourceVerdict {
  std::string source;    ///< "agents", "logstash", ...
  bool required = true;  ///< else it is named, and decides nothing
  Verdict verdict;
};

/// One verdict of all sources; each was judged by itself, and counts of two are never added. In this order: a required
/// one that fails is a fail, at once; while a required one is undecided, so is the whole; a required one that cannot
/// tell makes it inconclusive; else it is a pass. Judge, reason, hosts and numbers are those of the source that decided
/// (the first of several); the words and `sources` name what each found. Of one source alone: its own verdict. No
/// required source is inconclusive "no-source". Pure.
Verdict combine(const std::vector<SourceVerdict>& sources);

}  // namespace serin::judge
