#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/digest.h"
#include "protocol/error.h"
#include "protocol/release.h"

namespace serin::apply {

/// Which of the trees on the host are whole: one small file for each, FOLDER/NAME, "RELEASE ROOT\n" in decimal and
/// hexadecimal digits. A tree without a record is rubbish of a crash. Both changes are durable when they return, so
/// that no record outlives its tree. One thread.
class SlotRecords {
 public:
  struct Record {
    std::string name;
    ReleaseNumber release = 0;
    ObjectId root;
    friend bool operator==(const Record&, const Record&) = default;
  };
  explicit SlotRecords(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// All of them; what is no record is removed. An error when one cannot be read: nothing is known then.
  [[nodiscard]] Result<std::vector<Record>> load() const;
  Result<void> add(const Record& record) const;
  /// No error when it is not there.
  Result<void> remove(const std::string& name) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

/// True for the names that Release::slot_name() gives: "r12-9f86d081884c".
bool is_slot_name(std::string_view name);

}  // namespace serin::apply
