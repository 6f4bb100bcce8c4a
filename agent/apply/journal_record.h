#pragma once

#include <string>
#include <string_view>

#include "agent/apply/host_step.h"
#include "protocol/error.h"

namespace serin::apply {

/// A StepJournal as bytes, and back: what journal_file.h keeps. README.md has the layout. `corrupt` for anything that
/// encode_journal could not have made. Pure.
std::string encode_journal(const StepJournal& journal);
Result<StepJournal> decode_journal(std::string_view bytes);

}  // namespace serin::apply
