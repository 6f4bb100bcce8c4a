#pragma once

#include "agent/agent_config.h"
#include "protocol/settings_reader.h"

namespace serin::agent {

/// The keys of [[application.NAME.source]] that make a source of the journal; agent_config.h says what they mean.
void read_units(const settings::Setting& at, SourceSettings& to);
void read_journal_priority(const settings::Setting& at, SourceSettings& to);
void read_journal_dir(const settings::Setting& at, SourceSettings& to);

/// `item` is the source's table. A source is a file or the journal, and has nothing that belongs to the other; no two
/// sources count the entries of one unit. True: it is one of the two; else, or then too, mistakes are noted.
bool check_place(const settings::Setting& item, const SourceSettings& source, const ApplicationSettings& application);

}  // namespace serin::agent
