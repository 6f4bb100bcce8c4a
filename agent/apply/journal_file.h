#pragma once

#include <filesystem>
#include <string>

#include "agent/apply/host_step.h"
#include "protocol/error.h"

namespace serin::apply {

/// One application's StepJournal as a file, replaced as a whole and durable when save() returns. Layout: the 8 bytes
/// "serinjn1", 32 bytes SHA-256 of what follows, then the record (journal_record.h).
class JournalFile {
 public:
  explicit JournalFile(std::filesystem::path file) : file_(std::move(file)) {}
  /// An empty journal when there is no file; `corrupt` when it is not what save() wrote.
  [[nodiscard]] Result<StepJournal> load() const;
  Result<void> save(const StepJournal& journal) const;

 private:
  std::filesystem::path file_;
};

}  // namespace serin::apply
