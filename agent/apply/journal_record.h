#pragma once

#include <string>
#include <string_view>

#include "agent/apply/host_step.h"
#include "protocol/error.h"

namespace serin::apply {

/// The journal's bytes: a msgpack map. A key that is missing has its default, one that is unknown is ignored, so that
/// an older or newer agent reads it too.
std::string encode_journal(const StepJournal& journal);
/// `invalid` or `corrupt`, never a crash, for bytes that are no journal.
Result<StepJournal> decode_journal(std::string_view bytes);

}  // namespace serin::apply
